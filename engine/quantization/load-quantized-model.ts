import { invalidModel } from '../formats/safetensors-header.js';
import { readModelTensors } from '../formats/safetensors.js';
import type { HostTensor } from '../api.js';
import { assembleModel, loadModel, type LoadedModel, type LoadOptions } from '../nn/load-model.js';
import { readModelConfig } from '../nn/new-head.js';
import { linearModules } from '../nn/parameters.js';
import { decodeBitsandbytes, isQuantizedCheckpoint } from './bitsandbytes.js';
import { toRest } from './half-weights.js';
import { quantizeWeight, type QuantizedWeight, type QuantizedWeights } from './quantized-weight.js';

/** A model whose linear modules are kept as NF4; `weights` holds the others. */
export interface QuantizedModel extends LoadedModel {
  quantized: QuantizedWeights;
}

/** Packs each weight as it is read: the float32 model never exists whole. What is not packed rests as asked. */
async function quantizeWhileReading(folder: string, options: LoadOptions): Promise<QuantizedModel> {
  const shape = await readModelConfig(folder);
  const modules = new Map(linearModules(shape).map((module) => [`${module.name}.weight`, module]));
  const rest = toRest(shape, options.precision);
  const quantized = new Map<string, QuantizedWeight>();
  const keep = (name: string, tensor: HostTensor): HostTensor => {
    const module = modules.get(name);
    if (!module) return rest(name, tensor);
    if (quantized.has(name)) return tensor;
    const { dtype, data } = tensor;
    // What cannot be packed is left for the check of all parameters, which names it.
    if (
      dtype !== 'float32' ||
      data.length !== module.inputs * module.outputs ||
      !(data as Float32Array).every(Number.isFinite)
    )
      return tensor;
    quantized.set(name, quantizeWeight(data as Float32Array, module));
    return { ...tensor, data: new Float32Array(0) };
  };
  const { config, weights, ...others } = await loadModel(folder, { ...options, keep });
  for (const name of quantized.keys()) weights.delete(name);
  return { config, weights, ...others, quantized };
}

/**
 * Loads a model folder for QLoRA: one that bitsandbytes quantised with its own codes, any other quantised here.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming what is missing, does not fit or is not finite; `E_NOT_FOUND`
 */
export async function loadQuantizedModel(folder: string, options: LoadOptions = {}): Promise<QuantizedModel> {
  const names: string[] = [];
  await readModelTensors(folder, { filter: (name) => names.push(name) < 0 });
  if (!isQuantizedCheckpoint(names)) return quantizeWhileReading(folder, options);
  const config = await readModelConfig(folder);
  const { weights, quantized } = decodeBitsandbytes(folder, (await readModelTensors(folder)).tensors);
  const modules = new Map(linearModules(config).map((module) => [`${module.name}.weight`, module]));
  for (const [name, { shape }] of quantized) {
    const module = modules.get(name);
    if (!module) throw invalidModel(folder, `the quantised tensor "${name}" is no linear module's weight.`);
    const wanted = [module.outputs, module.inputs];
    if (shape.join() !== wanted.join())
      throw invalidModel(folder, `tensor "${name}" has shape [${shape.join(', ')}] instead of [${wanted.join(', ')}].`);
  }
  return { ...assembleModel(folder, config, weights, options, quantized), quantized };
}
