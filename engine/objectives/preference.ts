import type { HostTensor } from '../api.js';
import { logits } from '../nn/model.js';
import { adaptedParameters } from '../peft/adapter-inputs.js';
import { pickLogProbabilities, tf } from '../trace/index.js';
import { superviseRows, type MicroBatch } from '../train/loss.js';
import { scoredRows, supervisionFeeds } from './language-model.js';
import { floats, inputs, passBatch, tokenFeeds, type Objective, type ProgramModel, type Tensors } from './objective.js';
import { checkPreferenceLoss, needsReference, preferenceLosses, type PreferenceLoss } from './preference-losses.js';

/** Which scored row belongs to which sequence, `[sequences, scored]`. */
const MEMBERSHIP = 'batch.membership';
/** Scored tokens of each sequence, at least 1, `[sequences]`. */
const COUNTS = 'batch.counts';
const REFERENCES = 'batch.references';
/** 1 for a pair that counts, `[pairs]`. */
const PAIRS = 'batch.pairs';

/** Output of {@link preferenceObjective}: log-probability of each sequence, `[sequences]`. */
export const SEQUENCE_LOG_PROBABILITIES = 'sequenceLogProbabilities';

/** Which sequences have something to score; a pair counts when both of its do. */
function scoredPairs({ batch, time, labels }: MicroBatch): { counts: number[]; pairs: number[] } {
  const counts = Array.from({ length: batch }, (_, row) => {
    let count = 0;
    for (let t = 1; t < time; t++) if (labels[row * time + t]! >= 0) count++;
    return count;
  });
  const half = batch / 2;
  return { counts, pairs: Array.from({ length: half }, (_, i) => (counts[i]! > 0 && counts[half + i]! > 0 ? 1 : 0)) };
}

/**
 * Learning from pairs. A batch holds 2n sequences: the chosen answers, then the rejected ones in the same order, each
 * after its prompt; it is weighed by its pairs. With a loss that compares with a reference, `references` of the batch are
 * the reference model's {@link SEQUENCE_LOG_PROBABILITIES}.
 *
 * Reported sums: `rewardsChosen`, `rewardsRejected` (β·(policy − reference); without a reference β·policy), `accuracy`
 * (chosen above rejected), `margin`.
 *
 * @throws RatchetError `E_CONFIG_INVALID` naming a setting out of range
 */
export function preferenceObjective(loss: PreferenceLoss): Objective {
  checkPreferenceLoss(loss);
  const beta = 'beta' in loss && loss.beta !== undefined ? loss.beta : loss.kind === 'simpo' ? 2 : 0.1;
  return {
    key: `preference:${JSON.stringify(loss)}`,
    constants: {},
    prepare(batch) {
      const { counts, pairs } = scoredPairs(batch);
      const references = batch.references ?? new Float32Array(batch.batch);
      if (needsReference(loss) && !batch.references)
        throw new TypeError('a preference batch lacks the reference log-probabilities');
      const sequences = sequenceFeeds(batch, counts);
      return {
        feeds: {
          ...sequences.feeds,
          [REFERENCES]: floats([batch.batch], references),
          [PAIRS]: floats([pairs.length], pairs),
        },
        weight: pairs.reduce((sum, pair) => sum + pair, 0),
        tokens: sequences.tokens,
        shape: sequences.shape,
      };
    },
    compute(model, tensors, training) {
      const sums = sequenceLogProbabilities(model, tensors, training);
      const means = tf.div(sums, tensors[COUNTS]!);
      const perToken = loss.kind === 'dpo' && loss.loss === 'ipo';
      const policy = perToken ? means : sums;
      const reference = perToken ? tf.div(tensors[REFERENCES]!, tensors[COUNTS]!) : tensors[REFERENCES]!;
      const half = sums.shape[0]! / 2;
      const chosen = (of: tf.Tensor) => tf.slice(of, [0], [half]);
      const rejected = (of: tf.Tensor) => tf.slice(of, [half], [half]);
      const losses = preferenceLosses(
        {
          chosen: chosen(policy),
          rejected: rejected(policy),
          referenceChosen: chosen(reference),
          referenceRejected: rejected(reference),
          meanChosen: chosen(means),
          meanRejected: rejected(means),
          chosenLoss: tf.neg(chosen(means)),
        },
        loss,
      );
      return { loss: tf.sum(tf.mul(losses, tensors[PAIRS]!)), [SEQUENCE_LOG_PROBABILITIES]: sums };
    },
    measure(batch, outputs) {
      const policy = outputs[SEQUENCE_LOG_PROBABILITIES]!;
      const { counts, pairs } = scoredPairs(batch);
      const reward = (i: number) => {
        const gain = policy[i]! - (needsReference(loss) ? batch.references![i]! : 0);
        return beta * (loss.kind === 'dpo' && loss.loss !== 'ipo' ? gain : gain / Math.max(1, counts[i]!));
      };
      const sums = { rewardsChosen: 0, rewardsRejected: 0, accuracy: 0, margin: 0 };
      for (const [i, counted] of pairs.entries()) {
        if (counted === 0) continue;
        const [chosen, rejected] = [reward(i), reward(pairs.length + i)];
        sums.rewardsChosen += chosen;
        sums.rewardsRejected += rejected;
        sums.accuracy += chosen > rejected ? 1 : 0;
        sums.margin += chosen - rejected;
      }
      return sums;
    },
  };
}

/** What scores the sequences of a batch, without a loss: the reference pass. */
export function sequenceFeeds(batch: MicroBatch, counts = scoredPairs(batch).counts) {
  const supervision = superviseRows(batch);
  const { rows, tokens } = supervision;
  const membership = new Float32Array(batch.batch * rows.length);
  for (let i = 0; i < tokens; i++) membership[Math.floor(rows[i]! / batch.time) * rows.length + i] = 1;
  const feeds: Record<string, HostTensor> = {
    ...tokenFeeds(batch),
    ...supervisionFeeds(supervision),
    [MEMBERSHIP]: floats([batch.batch, rows.length], membership),
    [COUNTS]: floats(
      [batch.batch],
      counts.map((count) => Math.max(1, count)),
    ),
  };
  return { feeds, tokens, shape: `${batch.batch}x${batch.time}:${rows.length}` };
}

/** Sum of the scored tokens' log-probabilities (nats) of each sequence, `[sequences]`. */
export function sequenceLogProbabilities(model: ProgramModel, tensors: Tensors, training: boolean): tf.Tensor {
  const { hidden } = passBatch(model, tensors, training);
  const params = adaptedParameters(model.adapter, tensors);
  const scores = logits(model.config, params, scoredRows(model.config, tensors, hidden));
  const picked = pickLogProbabilities(scores, tensors[inputs.targets]!);
  const column = tf.reshape(picked, [-1, 1]) as tf.Tensor2D;
  return tf.reshape(tf.matMul(tensors[MEMBERSHIP] as tf.Tensor2D, column), [-1]);
}
