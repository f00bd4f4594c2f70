import { invalidModel } from '../formats/safetensors-header.js';
import { readModelTensors } from '../formats/safetensors.js';
import type { HostTensor } from '../api.js';
import { loadModel, type LoadedModel, type LoadOptions } from '../nn/load-model.js';
import { readModelConfig } from '../nn/new-head.js';
import { linearModules, parameterShapes } from '../nn/parameters.js';
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
 * @throws RatchetError `E_MODEL_INVALID` naming what is missing or does not fit, `E_NOT_FOUND`
 */
export async function loadQuantizedModel(folder: string, options: LoadOptions = {}): Promise<QuantizedModel> {
  const names: string[] = [];
  await readModelTensors(folder, { filter: (name) => names.push(name) < 0 });
  if (!isQuantizedCheckpoint(names)) return quantizeWhileReading(folder, options);
  const config = await readModelConfig(folder);
  const { weights, quantized } = decodeBitsandbytes(folder, (await readModelTensors(folder)).tensors);
  const modules = new Map(linearModules(config).map((module) => [`${module.name}.weight`, module]));
  for (const [name, shape] of parameterShapes(config)) {
    const module = modules.get(name);
    const codes = module && quantized.get(name);
    const found = codes?.shape ?? weights.get(name)?.shape;
    const wanted = codes ? [module.outputs, module.inputs] : shape;
    if (found?.join() !== wanted.join())
      throw invalidModel(
        folder,
        `tensor "${name}" has shape [${found?.join(', ') ?? ''}] instead of [${wanted.join(', ')}].`,
      );
  }
  const stray = [...quantized.keys()].find((name) => !modules.has(name));
  if (stray !== undefined) throw invalidModel(folder, `the quantised tensor "${stray}" is no linear module's weight.`);
  const rest = toRest(config, options.precision);
  return { config, weights: new Map([...weights].map(([name, tensor]) => [name, rest(name, tensor)])), quantized };
}
