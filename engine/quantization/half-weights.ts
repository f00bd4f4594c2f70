import type { HostTensor } from '../api.js';
import { fromFloat16, toFloat16 } from '../formats/half.js';
import type { ModelConfig } from '../nn/config.js';
import { embeddingName, headName, linearModules } from '../nn/parameters.js';

/** Types that frozen weights can rest in. */
export type WeightPrecision = 'float32' | 'float16' | 'bfloat16';

/** The largest number that float16 has. */
const LARGEST = 65_504;
/** Numbers that are rounded at once. */
const PART = 1 << 16;

/** The parameters that rest in 16 bits: the layers' linear modules, the token embedding and the head. Norms and biases stay. */
export const halvedParameters = (config: ModelConfig): string[] => [
  ...new Set([
    ...linearModules(config).map(({ name }) => `${name}.weight`),
    embeddingName(config),
    ...(config.kind === 'classifier' ? [] : [headName(config)]),
  ]),
];

/** How a model's parameters come to rest as they are read. A head of its own counts, too, where config.json tells of none. */
export function toRest(config: ModelConfig, precision: WeightPrecision = 'float32') {
  const names = new Set([...halvedParameters(config), 'lm_head.weight']);
  return (name: string, tensor: HostTensor): HostTensor =>
    precision !== 'float32' && names.has(name) ? halved(tensor, precision) : tensor;
}

/**
 * A float32 tensor in 16 bits; as it is where float16 cannot hold its numbers. onnxruntime-node takes no bfloat16, so that
 * numbers rounded to it rest as float16, which holds them exactly from 2⁻¹⁷ (7.6e-6) on, and smaller ones to 2⁻²⁵ (3e-8).
 */
export function halved(tensor: HostTensor, precision: Exclude<WeightPrecision, 'float32'>): HostTensor {
  if (tensor.dtype !== 'float32') return tensor;
  const values = tensor.data as Float32Array;
  for (const value of values) if (!(Math.abs(value) <= LARGEST)) return tensor;
  const bits = new Uint16Array(values.length);
  // Part by part, so that no whole tensor is copied on the way.
  for (let start = 0; start < values.length; start += PART) {
    const part = values.subarray(start, start + PART);
    bits.set(toFloat16(precision === 'bfloat16' ? toBFloat16(part) : part), start);
  }
  return { dtype: 'float16', shape: tensor.shape, data: bits };
}

/** The numbers of a tensor that may rest in 16 bits. */
export const floatsOf = ({ dtype, data }: HostTensor): Float32Array =>
  dtype === 'float16' ? fromFloat16(data as Uint16Array) : (data as Float32Array);

/** Float32 numbers rounded to those that bfloat16 has, ties to even, as PyTorch's `.bfloat16()`. */
export function toBFloat16(values: Float32Array): Float32Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  for (let i = 0; i < bits.length; i++) {
    const odd = (bits[i]! >>> 16) & 1;
    bits[i] = ((bits[i]! + 0x7fff + odd) & 0xffff0000) >>> 0;
  }
  return new Float32Array(bits.buffer);
}
