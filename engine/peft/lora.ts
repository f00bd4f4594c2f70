import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import type { HostTensor } from '../api.js';
import type { Adapter, AdapterConfig } from '../formats/peft.js';
import type { ModelConfig } from '../nn/config.js';
import { linearModules, type LinearModule } from '../nn/parameters.js';
import { shortName, targetModules } from './target-modules.js';

/** A LoRA adapter (Hu et al. 2021): W·x becomes W·x + scale · B·A·dropout(x). */
export interface LoraAdapter {
  rank: number;
  alpha: number;
  dropout: number;
  /** alpha / rank, or alpha / √rank with rank-stabilised scaling. */
  scale: number;
  config: AdapterConfig;
  modules: LinearModule[];
  /** By PEFT key: A `[rank, in]`, B `[out, rank]`, float32. */
  tensors: Map<string, HostTensor>;
}

export interface LoraSettings {
  rank: number;
  alpha: number;
  /** 0 … below 1; on A's input while training. */
  dropout: number;
  targetModules: 'auto' | 'all-linear' | readonly string[];
}

/** PEFT's key of a module's matrix. */
export const loraKey = (module: string, matrix: 'A' | 'B'): string =>
  `base_model.model.${module}.lora_${matrix}.weight`;

/**
 * A new adapter: A uniform in ±1/√in (Kaiming with a = √5, as PEFT), B zero, so that the model starts unchanged. Each
 * A has its own stream (seed, 'lora', module).
 */
export function createLora(config: ModelConfig, settings: LoraSettings, seed: number): LoraAdapter {
  const modules = targetModules(config, settings.targetModules);
  const { rank } = settings;
  const tensors = new Map<string, HostTensor>();
  for (const { name, inputs, outputs } of modules) {
    const draws = stream(seed, 'lora', name);
    const bound = 1 / Math.sqrt(inputs);
    const a = Float32Array.from({ length: rank * inputs }, () => (2 * draws.float() - 1) * bound);
    tensors.set(loraKey(name, 'A'), { dtype: 'float32', shape: [rank, inputs], data: a });
    tensors.set(loraKey(name, 'B'), {
      dtype: 'float32',
      shape: [outputs, rank],
      data: new Float32Array(outputs * rank),
    });
  }
  return {
    rank,
    alpha: settings.alpha,
    dropout: settings.dropout,
    scale: settings.alpha / rank,
    modules,
    tensors,
    config: {
      peftType: 'LORA',
      baseModel: null,
      taskType: 'CAUSAL_LM',
      r: rank,
      loraAlpha: settings.alpha,
      loraDropout: settings.dropout,
      targetModules: [...new Set(modules.map((module) => shortName(module.name)))],
      modulesToSave: null,
      fanInFanOut: config.architecture === 'gpt2',
      useRslora: false,
      useDora: false,
      bias: 'none',
      initLoraWeights: true,
      rankPattern: {},
      alphaPattern: {},
    },
  };
}

/**
 * An adapter as PEFT stored it, fitted to a model.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming a variant that is not supported, or a tensor that does not fit
 */
export function loraFromPeft(model: ModelConfig, { config, tensors }: Adapter): LoraAdapter {
  const invalid = (message: string, hint: string) => new RatchetError('E_MODEL_INVALID', message, { hint });
  const unsupported = [
    config.useDora && 'use_dora',
    config.bias !== 'none' && 'bias',
    config.modulesToSave?.length && 'modules_to_save',
    typeof config.initLoraWeights === 'string' &&
      !['gaussian', 'true'].includes(config.initLoraWeights) &&
      `init_lora_weights "${config.initLoraWeights}"`,
    Object.keys(config.rankPattern).length > 0 && 'rank_pattern',
    Object.keys(config.alphaPattern).length > 0 && 'alpha_pattern',
  ].filter((item): item is string => typeof item === 'string');
  if (unsupported.length > 0)
    throw invalid(
      `The adapter uses ${unsupported.join(', ')}.`,
      'Use a plain LoRA adapter, or merge it with PEFT first.',
    );
  const known = new Map(linearModules(model).map((module) => [module.name, module]));
  const names = new Set<string>();
  for (const key of tensors.keys()) {
    const name = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(key)?.[1];
    if (name === undefined || !known.has(name))
      throw invalid(`The adapter's tensor "${key}" belongs to no linear module of the model.`, 'Check the base model.');
    names.add(name);
  }
  if (names.size === 0) throw invalid('The adapter has no tensors.', 'Copy the adapter folder again.');
  const modules = [...known.values()].filter((module) => names.has(module.name));
  const ordered = new Map<string, HostTensor>();
  for (const { name, inputs, outputs } of modules)
    for (const [matrix, shape] of [
      ['A', [config.r, inputs]],
      ['B', [outputs, config.r]],
    ] as const) {
      const key = loraKey(name, matrix);
      const tensor = tensors.get(key);
      if (!tensor || tensor.dtype !== 'float32' || tensor.shape.join() !== shape.join())
        throw invalid(
          `The adapter's tensor "${key}" ${tensor ? `has shape [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]` : 'is missing'}.`,
          'The adapter was made for another model, or the copy is damaged.',
        );
      ordered.set(key, tensor);
    }
  return {
    rank: config.r,
    alpha: config.loraAlpha,
    dropout: config.loraDropout,
    scale: config.loraAlpha / (config.useRslora ? Math.sqrt(config.r) : config.r),
    config,
    modules,
    tensors: ordered,
  };
}
