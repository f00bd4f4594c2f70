import { dequantized, findQuantized, quantizedLinear } from '../quantization/quantized-linear.js';
import { addMatMul, isHalf, linear, project, tf, widened } from '../trace/index.js';
import type { ModuleAdapter } from './adapters.js';
import type { LayerContext } from './layer-context.js';
import { linearModules, type LinearLayout } from './parameters.js';

/**
 * A linear module with its bias and, where the pass has one, its adapter: W·x + b + scale · B·A·x, or DoRA's form.
 *
 * @param name module path without `.weight`
 * @param rows `[rows, in]`
 * @returns `[rows, out]`
 */
export function linearModule(
  context: LayerContext,
  name: string,
  rows: tf.Tensor,
  layout: LinearLayout = 'out-in',
): tf.Tensor {
  const quantized = findQuantized(context.optional, `${name}.weight`, () => sizes(context, name));
  const bias = context.optional(`${name}.bias`);
  const fewRows = context.time === 1;
  const product = (x: tf.Tensor, b?: tf.Tensor) =>
    quantized
      ? quantizedLinear(x, quantized, b)
      : project(x, context.parameter(`${name}.weight`), b ?? null, { transposeB: layout === 'out-in', fewRows });
  const adapter = context.adapters?.modules[name];
  if (!adapter) return product(rows, bias);
  const input = context.adapters?.dropout?.(rows, name) ?? rows;
  const lowRank = linear(input, adapter.A, null, { transposeB: true });
  const adapted = (base: tf.Tensor) => addMatMul(lowRank, adapter.B, base, adapter.scale, true);
  if (!adapter.magnitude) return adapted(product(rows, bias));
  const weight = quantized ? dequantized(quantized) : floats(context.parameter(`${name}.weight`), rows);
  const gate = magnitudeGate(adapter.magnitude, rowNorms(weight, adapter, quantized ? 'out-in' : layout));
  if (input === rows) {
    const scaled = tf.mul(adapted(product(rows)), gate);
    return bias ? tf.add(scaled, bias) : scaled;
  }
  // PEFT drops inputs of the whole low-rank form, but not of the base product that it corrects.
  const base = product(input);
  return tf.add(product(rows, bias), tf.sub(tf.mul(adapted(base), gate), base));
}

const floats = (weight: tf.Tensor, rows: tf.Tensor): tf.Tensor => (isHalf(weight) ? widened(weight, rows) : weight);

/** Outputs and inputs of a module, which packed codes do not tell. */
function sizes({ config }: LayerContext, name: string): [outputs: number, inputs: number] {
  const module = linearModules(config).find((candidate) => candidate.name === name);
  if (!module) throw new TypeError(`"${name}" is no linear module that can be quantised`);
  return [module.outputs, module.inputs];
}

/** ‖W + scale·B·A‖ of each output's row, `[out]`. */
function rowNorms(weight: tf.Tensor, { A, B, scale }: ModuleAdapter, layout: LinearLayout): tf.Tensor {
  const outputsFirst = layout === 'out-in' ? weight : tf.transpose(weight);
  const sum = addMatMul(B, A, outputsFirst, scale);
  return tf.sqrt(tf.sum(tf.mul(sum, sum), 1));
}

/**
 * magnitude / norms, with a gradient for the magnitude alone: DoRA (Liu et al. 2024, section 4.3) treats the norms as
 * constants. Whatever the norms were computed from gets no gradient through them.
 */
function magnitudeGate(magnitude: tf.Tensor, norms: tf.Tensor): tf.Tensor {
  const gate = tf.customGrad(((x: tf.Tensor) => ({
    value: tf.div(x, norms),
    gradFunc: (dy: tf.Tensor) => tf.div(dy, norms),
  })) as unknown as Parameters<typeof tf.customGrad>[0]);
  return gate(magnitude);
}
