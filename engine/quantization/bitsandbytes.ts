import type { HostTensor } from '../api.js';
import { invalidModel } from '../formats/safetensors-header.js';
import { NESTED_BLOCK, NESTED_CODE } from './double-quantization.js';
import { BLOCK, NF4_LEVELS } from './nf4.js';
import type { ModelConfig } from '../nn/config.js';
import { dequantizeModel, type QuantizedWeight, type QuantizedWeights } from './quantized-weight.js';

const STATE = '.quant_state.bitsandbytes__nf4';
const PARTS = ['.absmax', '.quant_map', '.nested_absmax', '.nested_quant_map', STATE];

/** True when the tensor names are those of a checkpoint that bitsandbytes quantised to 4 bits. */
export const isQuantizedCheckpoint = (names: Iterable<string>): boolean =>
  [...names].some((name) => name.includes('.quant_state.bitsandbytes__'));

/**
 * A checkpoint's tensors as numbers: those that bitsandbytes quantised are unpacked, the others shared.
 *
 * @throws RatchetError see {@link decodeBitsandbytes}
 */
export function unpackCheckpoint(
  file: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
): ReadonlyMap<string, HostTensor> {
  if (!isQuantizedCheckpoint(tensors.keys())) return tensors;
  const { weights, quantized } = decodeBitsandbytes(file, tensors);
  return dequantizeModel(config, weights, quantized);
}

/** The tensors that bitsandbytes' `Linear4bit` writes for each weight. */
export function encodeBitsandbytes(quantized: QuantizedWeights): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  const floats = (data: Float32Array): HostTensor => ({ dtype: 'float32', shape: [data.length], data });
  const bytes = (data: Uint8Array, ...shape: number[]): HostTensor => ({ dtype: 'uint8', shape, data });
  for (const [name, { shape, packed, absmax }] of quantized) {
    const plain = absmax instanceof Float32Array;
    const fields = {
      quant_type: 'nf4',
      blocksize: BLOCK,
      dtype: 'float32',
      shape,
      ...(!plain && { nested_blocksize: NESTED_BLOCK, nested_dtype: 'float32', nested_offset: absmax.offset }),
    };
    // Spaces as Python writes them, so that the files are the same.
    const state = Buffer.from(JSON.stringify(fields).replaceAll(/([,:])(?=["\d[-])/g, '$1 '));
    tensors.set(name, bytes(packed, packed.length, 1));
    tensors.set(`${name}.absmax`, plain ? floats(absmax) : bytes(absmax.codes, absmax.codes.length));
    tensors.set(`${name}.quant_map`, floats(Float32Array.from(NF4_LEVELS)));
    if (!plain) {
      tensors.set(`${name}.nested_absmax`, floats(absmax.nestedAbsmax));
      tensors.set(`${name}.nested_quant_map`, floats(NESTED_CODE));
    }
    tensors.set(name + STATE, bytes(new Uint8Array(state), state.length));
  }
  return tensors;
}

/**
 * Takes the quantised weights out of a bitsandbytes checkpoint.
 *
 * @param file for messages
 * @returns what is left, and the quantised weights by parameter name
 * @throws RatchetError `E_MODEL_INVALID` naming the tensor whose parts are missing, misshapen, not finite or of another kind
 */
export function decodeBitsandbytes(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
): { weights: Map<string, HostTensor>; quantized: Map<string, QuantizedWeight> } {
  const weights = new Map(tensors);
  const quantized = new Map<string, QuantizedWeight>();
  for (const key of tensors.keys()) {
    if (key.includes('.quant_state.bitsandbytes__') && !key.endsWith(STATE))
      throw invalidModel(file, `"${key}": only NF4 is supported.`);
    if (!key.endsWith(STATE)) continue;
    const name = key.slice(0, -STATE.length);
    quantized.set(name, decodeOne(file, name, tensors));
    for (const part of ['', ...PARTS]) weights.delete(name + part);
  }
  return { weights, quantized };
}

function decodeOne(file: string, name: string, tensors: ReadonlyMap<string, HostTensor>): QuantizedWeight {
  const fail = (why: string): never => {
    throw invalidModel(file, `the quantised weight "${name}": ${why}.`);
  };
  const part = <T extends HostTensor['data']>(suffix: string, dtype: HostTensor['dtype'], size: number): T => {
    const tensor = tensors.get(name + suffix);
    if (tensor?.dtype !== dtype) return fail(`"${name}${suffix}" is not a ${dtype} tensor`);
    if (tensor.data.length !== size)
      return fail(`"${name}${suffix}" has ${tensor.data.length} elements instead of ${size}`);
    return tensor.data as T;
  };
  let state: Record<string, unknown> = {};
  try {
    state = JSON.parse(Buffer.from(tensors.get(name + STATE)!.data as Uint8Array).toString('utf8')) as typeof state;
  } catch (error) {
    fail(`its quant_state is not JSON (${(error as Error).message})`);
  }
  // transformers leaves double quantisation off unless asked for it.
  const isNested = 'nested_blocksize' in state;
  const wanted = { quant_type: 'nf4', blocksize: BLOCK, ...(isNested && { nested_blocksize: NESTED_BLOCK }) };
  for (const [field, value] of Object.entries(wanted))
    if (state[field] !== value) fail(`${field} is ${JSON.stringify(state[field])}, only ${value} is supported`);
  const shape = state['shape'];
  if (!Array.isArray(shape) || shape.length !== 2 || !shape.every((size) => Number.isSafeInteger(size) && size > 0))
    return fail(`its shape is ${JSON.stringify(shape)}`);
  const [outputs, inputs] = shape as [number, number];
  const blocks = Math.ceil((outputs * inputs) / BLOCK);
  const same = (suffix: string, values: ArrayLike<number>) => {
    const found = part<Float32Array>(suffix, 'float32', values.length);
    if (found.some((value, i) => Math.abs(value - values[i]!) > 1e-6)) fail(`"${name}${suffix}" is another map`);
  };
  const finite = (suffix: string, size: number): Float32Array => {
    const values = part<Float32Array>(suffix, 'float32', size);
    const at = values.findIndex((value) => !Number.isFinite(value));
    return at < 0 ? values : fail(`"${name}${suffix}" holds ${values[at]} at element ${at}`);
  };
  same('.quant_map', NF4_LEVELS);
  const packed = part<Uint8Array>('', 'uint8', Math.ceil((outputs * inputs) / 2));
  if (!isNested) return { shape: [outputs, inputs], packed, absmax: finite('.absmax', blocks) };
  const offset = state['nested_offset'];
  if (typeof offset !== 'number' || !Number.isFinite(offset)) return fail(`nested_offset is ${JSON.stringify(offset)}`);
  same('.nested_quant_map', NESTED_CODE);
  const nestedAbsmax = finite('.nested_absmax', Math.ceil(blocks / NESTED_BLOCK));
  return {
    shape: [outputs, inputs],
    packed,
    absmax: { codes: part<Uint8Array>('.absmax', 'uint8', blocks), nestedAbsmax, offset },
  };
}
