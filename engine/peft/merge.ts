import type { HostTensor } from '../api.js';
import { magnitudeKey } from './keys.js';
import type { LoraAdapter } from './lora.js';
import { frozenWeights } from './pissa.js';
import { forEachProductRow, weightIndex } from './product.js';
import { savedKey } from './saved-modules.js';

/**
 * The model's weights with the adapter folded in: W + scale·B·A (transposed for GPT-2's `[in, out]` layout), each row
 * brought to its magnitude for DoRA, from W without its principal part for PiSSA; parameters saved in full replace the
 * model's. Changed tensors are new, the others shared with `weights`.
 *
 * @param weights the base model's own
 */
export function mergeLora(weights: ReadonlyMap<string, HostTensor>, adapter: LoraAdapter): Map<string, HostTensor> {
  const frozen = frozenWeights(weights, adapter);
  const result = new Map(frozen);
  for (const module of adapter.modules) {
    const { name, inputs } = module;
    const weight = weightOf(frozen, name);
    const magnitude = adapter.tensors.get(magnitudeKey(name))?.data as Float32Array | undefined;
    const merged = Float32Array.from(weight.data as Float32Array);
    forEachProductRow(adapter, module, (output, row) => {
      let squares = 0;
      for (let i = 0; i < inputs; i++) {
        row[i] = row[i]! + merged[weightIndex(module, output, i)]!;
        squares += row[i]! ** 2;
      }
      const factor = magnitude ? magnitude[output]! / Math.sqrt(squares) : 1;
      for (let i = 0; i < inputs; i++) merged[weightIndex(module, output, i)] = factor * row[i]!;
    });
    result.set(`${name}.weight`, { ...weight, data: merged });
  }
  for (const name of adapter.savedParameters) result.set(name, adapter.tensors.get(savedKey(name))!);
  return result;
}

/**
 * Takes a merged adapter out again: the weights it was added to ({@link frozenWeights}), equal up to float32 rounding.
 *
 * @param base the model's own weights: DoRA's row lengths and the parameters replaced in full cannot be found from the
 *   merged weights
 */
export function unmergeLora(
  merged: ReadonlyMap<string, HostTensor>,
  adapter: LoraAdapter,
  base: ReadonlyMap<string, HostTensor>,
): Map<string, HostTensor> {
  const result = new Map(merged);
  const frozen = adapter.config.useDora ? frozenWeights(base, adapter) : base;
  for (const module of adapter.modules) {
    const { name, inputs } = module;
    const weight = weightOf(merged, name);
    const original = weightOf(frozen, name).data as Float32Array;
    const magnitude = adapter.tensors.get(magnitudeKey(name))?.data as Float32Array | undefined;
    const restored = Float32Array.from(weight.data as Float32Array);
    forEachProductRow(adapter, module, (output, row) => {
      let factor = 1;
      if (magnitude) {
        let squares = 0;
        for (let i = 0; i < inputs; i++) squares += (row[i]! + original[weightIndex(module, output, i)]!) ** 2;
        factor = Math.sqrt(squares) / magnitude[output]!;
      }
      for (let i = 0; i < inputs; i++) {
        const index = weightIndex(module, output, i);
        restored[index] = factor * restored[index]! - row[i]!;
      }
    });
    result.set(`${name}.weight`, { ...weight, data: restored });
  }
  for (const name of adapter.savedParameters) result.set(name, weightOfParameter(base, name));
  return result;
}

const weightOf = (weights: ReadonlyMap<string, HostTensor>, module: string): HostTensor =>
  weightOfParameter(weights, `${module}.weight`);

function weightOfParameter(weights: ReadonlyMap<string, HostTensor>, name: string): HostTensor {
  const tensor = weights.get(name);
  if (!tensor) throw new RangeError(`the weights have no "${name}"`);
  return tensor;
}
