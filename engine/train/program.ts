import type { HostTensor } from '../api.js';
import {
  floats,
  inputs,
  integers,
  passBatch,
  type Objective,
  type PreparedBatch,
  type ProgramModel,
  type Tensors,
} from '../objectives/objective.js';
import { tf } from '../trace/index.js';

export type { ProgramModel } from '../objectives/objective.js';

export const LOSS = 'loss';
/** Output name of a parameter's gradient. */
export const gradientName = (parameter: string): string => `gradient:${parameter}`;

/** The tensors of one batch as graph inputs, with the factor on its loss and the key of its dropout masks. */
export const batchFeeds = (
  prepared: PreparedBatch,
  { lossWeight = 1, draw = [0, 0] as readonly [number, number] } = {},
): Record<string, HostTensor> => ({
  ...prepared.feeds,
  [inputs.weight]: floats([], [lossWeight]),
  [inputs.draw]: integers([2], draw),
});

/** The objective's outputs with its loss weighted; without dropout unless training. */
export function lossProgram(
  model: ProgramModel,
  objective: Objective,
  tensors: Tensors,
  training = false,
): Tensors & { loss: tf.Tensor } {
  const { loss, ...rest } = objective.compute(model, tensors, training);
  return { ...rest, [LOSS]: tf.mul(loss!, tensors[inputs.weight]!) };
}

/** {@link lossProgram} with dropout, and the gradient of the weighted loss by each trainable parameter. */
export function gradientProgram(
  model: ProgramModel,
  objective: Objective,
  trainable: readonly string[],
  tensors: Tensors,
): Tensors {
  let others: Tensors = {};
  const differentiate = tf.valueAndGrads((...values: tf.Tensor[]) => {
    const params = { ...tensors };
    trainable.forEach((name, i) => (params[name] = values[i]!));
    const { loss, ...rest } = lossProgram(model, objective, params, true);
    // Differentiating disposes of everything but the loss.
    others = Object.fromEntries(Object.entries(rest).map(([name, tensor]) => [name, tf.keep(tensor!)]));
    return loss as tf.Scalar;
  });
  const { value, grads } = differentiate(trainable.map((name) => tensors[name]!));
  const outputs: Tensors = { ...others, [LOSS]: value };
  trainable.forEach((name, i) => (outputs[gradientName(name)] = grads[i]!));
  return outputs;
}

/** The hidden states after the embedding and each layer, as `hidden.<i>`, `[batch, time, hidden]`. */
export function hiddenStatesProgram(model: ProgramModel, tensors: Tensors): Tensors {
  const { hiddenStates } = passBatch(model, tensors, false);
  return Object.fromEntries(hiddenStates.map((state, i) => [`hidden.${i}`, state]));
}
