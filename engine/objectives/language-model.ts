import type { ModelConfig } from '../nn/config.js';
import { logits } from '../nn/model.js';
import { headName } from '../nn/parameters.js';
import { adaptedParameters } from '../peft/adapter-inputs.js';
import { crossEntropySum, tf } from '../trace/index.js';
import { superviseRows, type Supervision } from '../train/loss.js';
import { chunkRows } from './chunk-rows.js';
import { chunkedCrossEntropySum } from './chunked-cross-entropy.js';
import {
  inputs,
  integers,
  passBatch,
  tokenFeeds,
  type Objective,
  type ProgramModel,
  type Tensors,
} from './objective.js';

/** The scored rows and their labels as graph inputs. */
export const supervisionFeeds = ({ rows, targets }: Supervision) => ({
  [inputs.rows]: integers([rows.length], rows),
  [inputs.targets]: integers([targets.length], targets),
});

/** The hidden rows that predict a scored label, `[scored, hidden]`. */
export const scoredRows = (config: ModelConfig, tensors: Tensors, hidden: tf.Tensor): tf.Tensor =>
  tf.gather(tf.reshape(hidden, [-1, config.hiddenSize]), tensors[inputs.rows] as tf.Tensor1D);

/** Whether a step changes the head. */
const learnsHead = ({ config, adapter }: ProgramModel): boolean =>
  config.kind !== 'classifier' && (!adapter || adapter.savedParameters.includes(headName(config)));

/**
 * Sum of the negative log likelihoods (nats) of the fed labels. Where the logits would be large they are computed, and
 * forgotten, a chunk of rows at a time.
 *
 * @param rows `[scored, hidden]`
 */
function labelLossSum(
  model: ProgramModel,
  params: Tensors,
  rows: tf.Tensor,
  targets: tf.Tensor,
  training: boolean,
): tf.Tensor {
  const { config } = model;
  if (config.kind === 'classifier') return crossEntropySum(logits(config, params, rows), targets);
  const count = rows.shape[0]!;
  // One chunk too is faster than differentiating the logits: their gradient needs no factors of its own.
  const learned = training && learnsHead(model) ? config.hiddenSize : 0;
  const chunk = chunkRows(count, config.vocabularySize, learned) ?? count;
  return chunkedCrossEntropySum(config, params, rows, targets, chunk);
}

/** Next-token prediction; only labels that are not −100 count, so a prompt can be read without being learned. */
export const causalObjective: Objective = {
  key: 'causal',
  constants: {},
  prepare(batch) {
    const supervision = superviseRows(batch);
    return {
      feeds: { ...tokenFeeds(batch), ...supervisionFeeds(supervision) },
      weight: supervision.tokens,
      tokens: supervision.tokens,
      shape: `${batch.batch}x${batch.time}:${supervision.rows.length}${batch.segments ? ':packed' : ''}`,
    };
  },
  compute(model, tensors, training) {
    const { hidden } = passBatch(model, tensors, training);
    const params = adaptedParameters(model.adapter, tensors);
    const rows = scoredRows(model.config, tensors, hidden);
    return { loss: labelLossSum(model, params, rows, tensors[inputs.targets]!, training) };
  },
};

/**
 * Sequence to sequence: the decoder reads the target moved right by its start token (−100 read as padding) and predicts
 * it, as transformers' `T5ForConditionalGeneration`.
 *
 * @throws TypeError when the model has no decoder of its own
 */
export function sequenceToSequenceObjective(config: ModelConfig): Objective {
  if (config.kind !== 'encoder-decoder') throw new TypeError('sequence to sequence needs an encoder-decoder');
  const { startId } = config;
  const padId = config.padId ?? 0;
  return {
    ...causalObjective,
    key: 'seq2seq',
    prepare(batch) {
      const { labels } = batch;
      const time = labels.length / batch.batch;
      const read = Array.from(labels, (_, i) => {
        if (i % time === 0) return startId;
        return labels[i - 1]! >= 0 ? labels[i - 1]! : padId;
      });
      const supervision = superviseRows({ ...batch, time }, 0);
      return {
        feeds: {
          ...tokenFeeds(batch),
          ...supervisionFeeds(supervision),
          [inputs.decoderIds]: integers([batch.batch, time], read),
        },
        weight: supervision.tokens,
        tokens: supervision.tokens,
        shape: `${batch.batch}x${batch.time}x${time}:${supervision.rows.length}`,
      };
    },
  };
}
