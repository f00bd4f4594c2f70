import { RatchetError } from '../../config/errors.js';
import type { ModelConfig } from '../nn/config.js';
import { classify } from '../nn/model.js';
import { adaptedParameters } from '../peft/adapter-inputs.js';
import { crossEntropySum } from '../trace/index.js';
import { inputs, integers, passAdapters, passBatch, tokenFeeds, type Objective } from './objective.js';

/**
 * One class a row: cross-entropy over the classes of the model's config. `labels` of a batch has one class index a row,
 * −100 for a row that does not count; `correct` counts the rows whose highest logit is theirs.
 *
 * @throws RatchetError `E_DATA_INVALID` (from `prepare`) naming a class that the model does not have
 */
export function classificationObjective(config: ModelConfig): Objective {
  if (config.kind !== 'classifier') throw new TypeError('classification needs a classifier');
  const classes = config.labels.length;
  return {
    key: 'classification',
    constants: {},
    prepare(batch) {
      const labels = Array.from(batch.labels);
      const unknown = labels.find((label) => label >= classes);
      if (unknown !== undefined)
        throw new RatchetError('E_DATA_INVALID', `A row has class ${unknown}; the model has ${classes} classes.`, {
          hint: 'Set num_labels or id2label of the model’s config.json, or correct the row.',
        });
      const scored = labels.filter((label) => label >= 0).length;
      return {
        feeds: { ...tokenFeeds(batch), [inputs.targets]: integers([batch.batch], labels) },
        weight: scored,
        tokens: scored,
        shape: `${batch.batch}x${batch.time}`,
      };
    },
    compute(model, tensors, training) {
      const { hidden } = passBatch(model, tensors, training);
      const params = adaptedParameters(model.adapter, tensors);
      const logits = classify(config, params, hidden, passAdapters(model, tensors, training));
      return { loss: crossEntropySum(logits, tensors[inputs.targets]!), logits };
    },
    measure({ labels, batch }, { logits }) {
      let correct = 0;
      for (let row = 0; row < batch; row++) {
        const scores = logits!.subarray(row * classes, (row + 1) * classes);
        if (labels[row]! >= 0 && scores.indexOf(Math.max(...scores)) === labels[row]) correct++;
      }
      return { correct };
    },
  };
}
