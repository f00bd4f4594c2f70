import { computedAfter, tf, withTapeSaved } from '../trace/index.js';
import type { ModuleAdapter } from './adapters.js';
import { createLayerContext, type LayerContext } from './layer-context.js';

type CustomGradient = Parameters<typeof tf.customGrad>[0];

/**
 * Gradient checkpointing (Chen et al. 2016): the value of `layer`, of whose computation only the input is kept. The backward
 * pass computes it again, once the gradient has come down to it: earlier, or shared with the first time, everything in
 * between would be kept after all. Gradients are the same numbers.
 *
 * @param prefix what the names of the layer's parameters and modules begin with
 * @param isTrainable whether a parameter wants a gradient; the layer must use every one that does
 */
export function recomputed(
  context: LayerContext,
  prefix: string,
  isTrainable: (parameter: string) => boolean,
  rows: tf.Tensor,
  layer: (context: LayerContext, rows: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  const names = Object.keys(context.params).filter((name) => name.startsWith(prefix) && isTrainable(name));
  const adapted = Object.entries(context.adapters?.modules ?? {}).filter(([name]) => name.startsWith(prefix));
  const learned = [
    ...names.map((name) => context.params[name]!),
    ...adapted.flatMap(([, module]) => tensorsOf(module)),
  ];

  const compute = (x: tf.Tensor, ...values: tf.Tensor[]) => {
    const rest = [...values];
    const params = { ...context.params };
    for (const name of names) params[name] = rest.shift()!;
    const modules = { ...context.adapters?.modules };
    for (const [name, module] of adapted) {
      const [A, B, magnitude] = rest.splice(0, tensorsOf(module).length) as [tf.Tensor, tf.Tensor, tf.Tensor?];
      modules[name] = { ...module, A, B, ...(magnitude && { magnitude }) };
    }
    const { config, adapters, batch, time } = context;
    return layer(createLayerContext(config, params, adapters && { ...adapters, modules }, batch, time), x);
  };
  const custom = (...operands: [...tf.Tensor[], (tensors: tf.Tensor[]) => void]) => {
    const save = operands.pop() as (tensors: tf.Tensor[]) => void;
    const [x, ...values] = operands as tf.Tensor[] as [tf.Tensor, ...tf.Tensor[]];
    save([x, ...values]);
    return {
      value: compute(x, ...values),
      gradFunc: (dy: tf.Tensor, [input, ...saved]: tf.Tensor[]) =>
        withTapeSaved(() => tf.grads(compute)([computedAfter(input!, dy), ...saved], dy)),
    };
  };
  return tf.customGrad(custom as unknown as CustomGradient)(rows, ...learned);
}

const tensorsOf = ({ A, B, magnitude }: ModuleAdapter): tf.Tensor[] => (magnitude ? [A, B, magnitude] : [A, B]);
