import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { linearModules, type LinearLayout, type LinearModule } from '../nn/parameters.js';
import { quantizeAbsmax, recoverAbsmax, type NestedAbsmax } from './double-quantization.js';
import { dequantizeNf4, quantizeNf4 } from './nf4.js';

/** A frozen weight as NF4: 4.13 bits a number with double quantisation, 4.5 without. */
export interface QuantizedWeight {
  /** `[out, in]`, whatever layout the model stores it in: blocks run along the inputs of one output. */
  shape: [outputs: number, inputs: number];
  /** Two codes a byte, the first in the high half. */
  packed: Uint8Array;
  /** Quantised again, as we write it; plain numbers `[blocks]` in checkpoints without double quantisation. */
  absmax: NestedAbsmax | Float32Array;
}

/** By parameter name. */
export type QuantizedWeights = ReadonlyMap<string, QuantizedWeight>;

/** Bytes that a quantised weight takes. */
export const quantizedBytes = ({ packed, absmax }: QuantizedWeight): number =>
  packed.byteLength +
  (absmax instanceof Float32Array
    ? absmax.byteLength
    : absmax.codes.byteLength + absmax.nestedAbsmax.byteLength + Float32Array.BYTES_PER_ELEMENT);

/** @param weight in the module's layout */
export function quantizeWeight(weight: Float32Array, module: LinearModule): QuantizedWeight {
  const { inputs, outputs, layout } = module;
  const { packed, absmax } = quantizeNf4(layout === 'out-in' ? weight : transposed(weight, inputs, outputs));
  return { shape: [outputs, inputs], packed, absmax: quantizeAbsmax(absmax) };
}

/** The numbers that a quantised weight stands for, in the given layout. */
export function dequantizeWeight({ shape, packed, absmax }: QuantizedWeight, layout: LinearLayout): HostTensor {
  const [outputs, inputs] = shape;
  const plain = absmax instanceof Float32Array ? absmax : recoverAbsmax(absmax);
  const values = dequantizeNf4({ packed, absmax: plain }, outputs * inputs);
  return layout === 'out-in'
    ? { dtype: 'float32', shape: [outputs, inputs], data: values }
    : { dtype: 'float32', shape: [inputs, outputs], data: transposed(values, outputs, inputs) };
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  return result;
}

/**
 * Quantises the weights of all linear modules but the head, as QLoRA does; embeddings, norms and biases stay.
 *
 * @returns the weights that stay, shared, and the quantised ones
 */
export function quantizeModel(
  config: ModelConfig,
  weights: ReadonlyMap<string, HostTensor>,
): { weights: Map<string, HostTensor>; quantized: Map<string, QuantizedWeight> } {
  const rest = new Map(weights);
  const quantized = new Map<string, QuantizedWeight>();
  for (const module of linearModules(config)) {
    const name = `${module.name}.weight`;
    const weight = rest.get(name);
    if (!weight) continue;
    quantized.set(name, quantizeWeight(weight.data as Float32Array, module));
    rest.delete(name);
  }
  return { weights: rest, quantized };
}

/** All weights in float32 again, for merging and generating. */
export function dequantizeModel(
  config: ModelConfig,
  weights: ReadonlyMap<string, HostTensor>,
  quantized: QuantizedWeights,
): Map<string, HostTensor> {
  const result = new Map(weights);
  for (const { name, layout } of linearModules(config)) {
    const weight = quantized.get(`${name}.weight`);
    if (weight) result.set(`${name}.weight`, dequantizeWeight(weight, layout));
  }
  return result;
}
