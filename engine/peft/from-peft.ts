import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import type { Adapter, AdapterConfig } from '../formats/peft.js';
import type { ModelConfig } from '../nn/config.js';
import { headModules, linearModules, parameterShapes } from '../nn/parameters.js';
import { embeddingCopies, refuseUntied } from './embedding-copies.js';
import { loraKey, magnitudeKey } from './keys.js';
import { loraScale, type AdaptedModule, type LoraAdapter } from './lora.js';
import { savedKey } from './saved-modules.js';

/** Ways to start an adapter that leave W as it is; of the others only `pissa` is known here. */
const HARMLESS_STARTS = ['gaussian', 'true', 'eva', 'orthogonal'];

const invalid = (message: string, hint: string) => new RatchetError('E_MODEL_INVALID', message, { hint });

/**
 * An adapter as PEFT stored it, fitted to a model.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming a variant that is not supported, or a tensor that does not fit
 */
export function loraFromPeft(model: ModelConfig, { config, tensors }: Adapter): LoraAdapter {
  refuseUnsupported(config);
  const known = new Map([...linearModules(model), ...headModules(model)].map((module) => [module.name, module]));
  refuseUntied(model, config, tensors);
  const copies = new Set(embeddingCopies(model));
  const shapes = parameterShapes(model);
  const adapted = new Set<string>();
  const saved = new Set<string>();
  for (const key of tensors.keys()) {
    const module = /^base_model\.model\.(.+)\.lora_(?:[AB]\.weight|magnitude_vector)$/.exec(key)?.[1];
    const parameter = key.replace(/^base_model\.model\./, '');
    if (copies.has(parameter)) continue;
    if (module !== undefined && known.has(module)) adapted.add(module);
    else if (module === undefined && shapes.has(parameter)) saved.add(parameter);
    else
      throw invalid(
        `The adapter's tensor "${key}" belongs to no linear module or parameter of the model.`,
        'Check the base model.',
      );
  }
  if (adapted.size + saved.size === 0) throw invalid('The adapter has no tensors.', 'Copy the adapter folder again.');
  const modules = [...known.values()]
    .filter(({ name }) => adapted.has(name))
    .map((module): AdaptedModule => {
      const rank = byPattern(config.rankPattern, module.name) ?? config.r;
      const alpha = byPattern(config.alphaPattern, module.name) ?? config.loraAlpha;
      return { ...module, rank, scale: loraScale(rank, alpha, config.useRslora) };
    });
  const ordered = new Map<string, HostTensor>();
  const take = (key: string, shape: readonly number[]) => {
    const tensor = tensors.get(key);
    if (!tensor || tensor.dtype !== 'float32' || tensor.shape.join() !== shape.join())
      throw invalid(
        `The adapter's tensor "${key}" ${tensor ? `has shape [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]` : 'is missing'}.`,
        'The adapter was made for another model, or the copy is damaged.',
      );
    ordered.set(key, tensor);
  };
  for (const { name, inputs, outputs, rank } of modules) {
    take(loraKey(name, 'A'), [rank, inputs]);
    take(loraKey(name, 'B'), [outputs, rank]);
    if (config.useDora) take(magnitudeKey(name), [outputs]);
    else if (tensors.has(magnitudeKey(name)))
      throw invalid(
        `The adapter has "${magnitudeKey(name)}", but use_dora is false.`,
        'Copy the adapter folder again.',
      );
  }
  const savedParameters = [...shapes.keys()].filter((name) => saved.has(name));
  for (const name of savedParameters) take(savedKey(name), shapes.get(name)!);
  return { dropout: config.loraDropout, config, modules, savedParameters, tensors: ordered };
}

function refuseUnsupported(config: AdapterConfig): void {
  const start = config.initLoraWeights;
  const unsupported = [
    config.bias !== 'none' && `bias "${config.bias}"`,
    typeof start === 'string' &&
      start !== 'pissa' &&
      !HARMLESS_STARTS.includes(start) &&
      `init_lora_weights "${start}"`,
  ].filter((item): item is string => typeof item === 'string');
  if (unsupported.length > 0)
    throw invalid(
      `The adapter uses ${unsupported.join(', ')}.`,
      'Convert it to a plain LoRA adapter, or merge it, with PEFT first.',
    );
}

/** PEFT's lookup in `rank_pattern` and `alpha_pattern`: a key is a regular expression for the end of the module's path. */
function byPattern(pattern: Record<string, number>, module: string): number | undefined {
  for (const [key, value] of Object.entries(pattern)) {
    let expression: RegExp;
    try {
      expression = new RegExp(`^(?:.*\\.)?(?:${key})$`);
    } catch {
      throw invalid(`The adapter's pattern "${key}" is not a regular expression.`, 'Check adapter_config.json.');
    }
    if (expression.test(module)) return value;
  }
  return undefined;
}
