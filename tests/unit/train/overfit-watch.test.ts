import { expect, it } from 'vitest';
import { overfitWarning } from '../../../engine/train/overfit-watch.js';

/** A run with a validation every two steps; both steps have the given training loss. */
const run = (validation: number[], training: number[]) => ({
  validations: validation.map((loss, i) => ({ step: 2 * (i + 1), loss })),
  history: training.flatMap((loss) => [
    { loss: loss + 0.1, tokens: 10 },
    { loss: loss - 0.1, tokens: 10 },
  ]),
});

it('N5: warns when the validation loss rises twice while the training loss falls', () => {
  expect(overfitWarning(run([2, 1.5, 1.6, 1.8], [2, 1.2, 0.8, 0.4]))).toMatchObject({
    kind: 'overfit',
    step: 8,
    validations: 2,
    validationLoss: { from: 1.5, to: 1.8 },
    trainLoss: { from: expect.closeTo(1.2, 9), to: expect.closeTo(0.4, 9) },
  });
});

it.each([
  ['the validation loss rose only once', [2, 1.5, 1.6], [2, 1.2, 0.8]],
  ['it fell in between', [2, 1.5, 1.4, 1.8], [2, 1.2, 0.8, 0.4]],
  ['the training loss rises too: the run diverges', [1.5, 1.6, 1.8], [1.2, 1.3, 1.4]],
  ['the training loss stands still', [1.5, 1.6, 1.8], [1.2, 1.2, 1.2]],
  ['there is no validation', [], [1, 0.5]],
])('does not warn when %s', (_, validation, training) => {
  expect(overfitWarning(run(validation, training))).toBeNull();
});

it('waits for as many rises as asked', () => {
  const state = run([1, 1.1, 1.2, 1.3], [4, 3, 2, 1]);
  expect(overfitWarning(state, 3)?.validations).toBe(3);
  expect(overfitWarning(state, 4)).toBeNull();
});
