import { invalidModel } from '../formats/safetensors-header.js';
import { readModelTensors } from '../formats/safetensors.js';
import type { ModelConfig } from '../nn/config.js';
import { loadModel, type LoadedModel, type LoadOptions } from '../nn/load-model.js';
import { readModelConfig } from '../nn/new-head.js';
import { linearModules, parameterShapes } from '../nn/parameters.js';
import { decodeBitsandbytes, isQuantizedCheckpoint } from './bitsandbytes.js';
import { halved, halvedParameters } from './half-weights.js';
import { quantizeModel, type QuantizedWeights } from './quantized-weight.js';

/** A model whose linear modules are kept as NF4; `weights` holds the others. */
export interface QuantizedModel extends LoadedModel {
  quantized: QuantizedWeights;
}

/** What is not packed in the type it is asked to rest in. */
function halvedRest(config: ModelConfig, model: ReturnType<typeof quantizeModel>, { precision }: LoadOptions) {
  const weights = new Map(model.weights);
  if (precision && precision !== 'float32')
    for (const name of halvedParameters(config)) {
      const tensor = weights.get(name);
      if (tensor) weights.set(name, halved(tensor, precision));
    }
  return { ...model, weights };
}

/**
 * Loads a model folder for QLoRA: one that bitsandbytes quantised with its own codes, any other quantised here.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming what is missing or does not fit, `E_NOT_FOUND`
 */
export async function loadQuantizedModel(folder: string, options: LoadOptions = {}): Promise<QuantizedModel> {
  const names: string[] = [];
  await readModelTensors(folder, { filter: (name) => names.push(name) < 0 });
  if (!isQuantizedCheckpoint(names)) {
    const { config, weights, ...rest } = await loadModel(folder, { ...options, precision: 'float32' });
    return { config, ...rest, ...halvedRest(config, quantizeModel(config, weights), options) };
  }
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
  return { config, weights, quantized };
}
