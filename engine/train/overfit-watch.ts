import type { TrainWarning } from '../api.js';
import type { RunState } from './run-state.js';

/** Validations in a row that must have risen while the training loss fell. */
export const OVERFIT_AFTER = 2;

/**
 * The warning that the newest validation gives rise to: the validation loss rose `after` times in a row, while the mean
 * training loss between the validations fell each time. Null where it does not.
 */
export function overfitWarning(
  { validations, history }: Pick<RunState, 'validations' | 'history'>,
  after = OVERFIT_AFTER,
): TrainWarning | null {
  const recent = validations.slice(-(after + 1));
  if (recent.length <= after) return null;
  const before = validations.at(-(after + 2))?.step ?? 0;
  const means = recent.map(({ step }, i) => meanLoss(history.slice(recent[i - 1]?.step ?? before, step)));
  for (let i = 1; i < recent.length; i++)
    if (recent[i]!.loss <= recent[i - 1]!.loss || means[i]! >= means[i - 1]!) return null;
  const [first, last] = [recent[0]!, recent.at(-1)!];
  return {
    kind: 'overfit',
    step: last.step,
    validations: after,
    validationLoss: { from: first.loss, to: last.loss },
    trainLoss: { from: means[0]!, to: means.at(-1)! },
    message:
      `The validation loss rose ${after} times in a row, from ${first.loss.toPrecision(4)} at step ${first.step} to ` +
      `${last.loss.toPrecision(4)} at step ${last.step}, while the training loss fell from ${means[0]!.toPrecision(4)} to ` +
      `${means.at(-1)!.toPrecision(4)}: the model memorises its rows. Stop earlier (patience), train on more rows, or raise dropout or weight decay.`,
  };
}

/** Mean loss of a scored token over some steps. */
export function meanLoss(history: readonly { loss: number; tokens: number }[]): number {
  const tokens = history.reduce((sum, step) => sum + step.tokens, 0);
  return history.reduce((sum, step) => sum + step.loss * step.tokens, 0) / tokens;
}
