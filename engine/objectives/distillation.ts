import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import type { LoadedModel } from '../nn/load-model.js';
import { logits } from '../nn/model.js';
import { adaptedParameters } from '../peft/adapter-inputs.js';
import { crossEntropySum, tf } from '../trace/index.js';
import { causalObjective, scoredRows } from './language-model.js';
import { inputs, passBatch, type Objective, type Tensors } from './objective.js';

export interface DistillationSettings {
  /** Softens both distributions, above 0; 2 when left out. */
  temperature?: number;
  /** Share of the labels' own loss, 0 … 1; 0.5 when left out. */
  hardWeight?: number;
}

const TEACHER = 'teacher.';

/**
 * Learning from a teacher's next-token distributions at the scored positions (Hinton et al. 2015):
 * hard · CE + (1 − hard) · T² · KL(teacher ‖ student), both distributions at temperature T. The teacher runs in the same
 * graph, without adapter, dropout or gradient.
 *
 * @throws RatchetError `E_CONFIG_INVALID` when the vocabularies differ, or a setting is out of range
 */
export function distillationObjective(
  student: LoadedModel['config'],
  teacher: LoadedModel,
  { temperature = 2, hardWeight = 0.5 }: DistillationSettings = {},
): Objective {
  const invalid = (why: string) => new RatchetError('E_CONFIG_INVALID', `distillation: ${why}.`);
  if (student.kind !== 'decoder' || teacher.config.kind !== 'decoder') throw invalid('it needs two causal models');
  if (student.vocabularySize !== teacher.config.vocabularySize)
    throw invalid(
      `the teacher has ${teacher.config.vocabularySize} tokens, the student ${student.vocabularySize}: they need one vocabulary`,
    );
  if (!(temperature > 0)) throw invalid(`temperature ${temperature} is not above 0`);
  if (!(hardWeight >= 0 && hardWeight <= 1)) throw invalid(`hardWeight ${hardWeight} is not between 0 and 1`);
  const constants: Record<string, HostTensor> = {};
  for (const [name, tensor] of teacher.weights) constants[TEACHER + name] = tensor;

  return {
    ...causalObjective,
    key: `distillation:${temperature}:${hardWeight}:${JSON.stringify(teacher.config)}`,
    constants,
    compute(model, tensors, training) {
      const { hidden } = passBatch(model, tensors, training);
      const params = adaptedParameters(model.adapter, tensors);
      const scores = logits(model.config, params, scoredRows(model.config, tensors, hidden));
      const targets = tensors[inputs.targets]!;
      const soft = softLossSum(scores, teacherLogits(teacher, tensors), targets, temperature);
      const hard = crossEntropySum(scores, targets);
      return { loss: tf.add(tf.mul(hard, hardWeight), tf.mul(soft, 1 - hardWeight)) };
    },
  };
}

function teacherLogits({ config, weights }: LoadedModel, tensors: Tensors): tf.Tensor {
  const own: Tensors = {};
  for (const name of weights.keys()) own[name] = tensors[TEACHER + name]!;
  for (const name of Object.values(inputs)) if (tensors[name]) own[name] = tensors[name];
  const { hidden } = passBatch({ config, adapter: null }, own, false);
  return logits(config, own, scoredRows(config, own, hidden));
}

/**
 * T² · KL(teacher ‖ student) summed over the rows with a label ≥ 0.
 *
 * @param student `[rows, vocabulary]`
 * @param teacher `[rows, vocabulary]`
 * @param targets int32 `[rows]`
 */
export function softLossSum(
  student: tf.Tensor,
  teacher: tf.Tensor,
  targets: tf.Tensor,
  temperature: number,
): tf.Tensor {
  const log = (scores: tf.Tensor) => tf.logSoftmax(tf.mul(scores, 1 / temperature));
  const goal = log(teacher);
  const divergence = tf.sum(tf.mul(tf.exp(goal), tf.sub(goal, log(student))), 1);
  const scored = tf.cast(tf.greaterEqual(targets, tf.scalar(0, 'int32')), 'float32');
  return tf.mul(tf.sum(tf.mul(divergence, scored)), temperature ** 2);
}
