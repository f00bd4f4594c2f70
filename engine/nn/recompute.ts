import { computedAfter, tf, withTapeSaved } from '../trace/index.js';
import type { ModuleAdapter } from './adapters.js';
import { createLayerContext, type LayerContext } from './layer-context.js';

type CustomGradient = Parameters<typeof tf.customGrad>[0];

/**
 * Gradient checkpointing (Chen et al. 2016): the value of `layer`, of whose computation only what it reads is kept. The
 * backward pass computes it again, once the gradient has come down to it: earlier, or shared with the first time,
 * everything in between would be kept after all. The gradient goes on to the layer below only once those of this layer's
 * parameters are there: what they are computed from would be kept until the end otherwise. Gradients are the same numbers.
 *
 * @param prefix what the names of the layer's parameters and modules begin with
 * @param isTrainable whether a parameter wants a gradient; the layer must use every one that does
 * @param operands what the layer reads and gives gradients to, the rows of the layer below first
 */
export function recomputed(
  context: LayerContext,
  prefix: string,
  isTrainable: (parameter: string) => boolean,
  operands: readonly [tf.Tensor, ...tf.Tensor[]],
  layer: (context: LayerContext, ...operands: tf.Tensor[]) => tf.Tensor,
): tf.Tensor {
  const names = Object.keys(context.params).filter((name) => name.startsWith(prefix) && isTrainable(name));
  const adapted = Object.entries(context.adapters?.modules ?? {}).filter(([name]) => name.startsWith(prefix));
  const learned = [
    ...names.map((name) => context.params[name]!),
    ...adapted.flatMap(([, module]) => tensorsOf(module)),
  ];

  const compute = (...values: tf.Tensor[]) => {
    const read = values.slice(0, operands.length);
    const rest = values.slice(operands.length);
    const params = { ...context.params };
    for (const name of names) params[name] = rest.shift()!;
    const modules = { ...context.adapters?.modules };
    for (const [name, module] of adapted) {
      const [A, B, magnitude] = rest.splice(0, tensorsOf(module).length) as [tf.Tensor, tf.Tensor, tf.Tensor?];
      modules[name] = { ...module, A, B, ...(magnitude && { magnitude }) };
    }
    const { config, adapters, batch, time } = context;
    return layer(createLayerContext(config, params, adapters && { ...adapters, modules }, batch, time), ...read);
  };
  const custom = (...given: [...tf.Tensor[], (tensors: tf.Tensor[]) => void]) => {
    const save = given.pop() as (tensors: tf.Tensor[]) => void;
    const values = given as tf.Tensor[];
    save(values);
    return {
      value: compute(...values),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        withTapeSaved(() => {
          const late = saved.map((value, i) => (i < operands.length ? computedAfter(value, dy) : value));
          const [below, ...others] = tf.grads(compute)(late, dy);
          const own = others.slice(operands.length - 1);
          return [own.reduce((gradient, other) => computedAfter(gradient, other), below!), ...others];
        }),
    };
  };
  return tf.customGrad(custom as unknown as CustomGradient)(...operands, ...learned);
}

const tensorsOf = ({ A, B, magnitude }: ModuleAdapter): tf.Tensor[] => (magnitude ? [A, B, magnitude] : [A, B]);
