import type { HostTensor } from '../api.js';
import { loraKey, type LoraAdapter } from './lora.js';

/**
 * The model's weights with the adapter folded in: W + scale·B·A (transposed for GPT-2's `[in, out]` layout). Changed
 * tensors are new, the others shared with `weights`.
 */
export const mergeLora = (weights: ReadonlyMap<string, HostTensor>, adapter: LoraAdapter): Map<string, HostTensor> =>
  addProduct(weights, adapter, adapter.scale);

/** Takes a merged adapter out again; equal to the original up to float32 rounding. */
export const unmergeLora = (weights: ReadonlyMap<string, HostTensor>, adapter: LoraAdapter): Map<string, HostTensor> =>
  addProduct(weights, adapter, -adapter.scale);

function addProduct(
  weights: ReadonlyMap<string, HostTensor>,
  adapter: LoraAdapter,
  scale: number,
): Map<string, HostTensor> {
  const result = new Map(weights);
  const { rank } = adapter;
  for (const { name, inputs, outputs, layout } of adapter.modules) {
    const key = `${name}.weight`;
    const weight = weights.get(key);
    if (!weight) throw new RangeError(`the weights have no "${key}"`);
    const a = adapter.tensors.get(loraKey(name, 'A'))!.data as Float32Array;
    const b = adapter.tensors.get(loraKey(name, 'B'))!.data as Float32Array;
    const merged = Float32Array.from(weight.data as Float32Array);
    for (let output = 0; output < outputs; output++)
      for (let input = 0; input < inputs; input++) {
        let product = 0;
        for (let r = 0; r < rank; r++) product += b[output * rank + r]! * a[r * inputs + input]!;
        const index = layout === 'out-in' ? output * inputs + input : input * outputs + output;
        merged[index] = merged[index]! + scale * product;
      }
    result.set(key, { ...weight, data: merged });
  }
  return result;
}
