import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import type { HostTensor } from '../api.js';
import type { AdapterConfig } from '../formats/peft.js';
import type { ModelConfig } from '../nn/config.js';
import { embeddingName, type LinearModule } from '../nn/parameters.js';
import { floatsOf } from '../quantization/half-weights.js';
import { embeddingCopies } from './embedding-copies.js';
import { loraKey, magnitudeKey } from './keys.js';
import { principalFactors } from './pissa.js';
import { rowNorms } from './product.js';
import { modulesToSave, savedKey, savedParameters, taskType } from './saved-modules.js';
import { shortName, targetModules } from './target-modules.js';

/** A linear module with its share of an adapter. */
export interface AdaptedModule extends LinearModule {
  rank: number;
  /** alpha / rank, or alpha / √rank with rank-stabilised scaling (Kalajdzievski 2023). */
  scale: number;
}

/** A LoRA adapter (Hu et al. 2021): W·x becomes W·x + scale · B·A·dropout(x). */
export interface LoraAdapter {
  dropout: number;
  config: AdapterConfig;
  modules: AdaptedModule[];
  /** Parameters that are trained and saved in full (`modules_to_save`), by the model's names. */
  savedParameters: string[];
  /** By PEFT key, float32: A `[rank, in]`, B `[out, rank]`, DoRA's magnitude `[out]`, parameters saved in full. */
  tensors: Map<string, HostTensor>;
}

export interface LoraSettings {
  rank: number;
  alpha: number;
  /** 0 … below 1; on A's input while training. */
  dropout: number;
  targetModules: 'auto' | 'all-linear' | readonly string[];
  /** Scale by alpha / √rank, so that a higher rank does not shrink the update. */
  useRslora?: boolean;
  /** Train the length of each output's row apart from its direction (Liu et al. 2024). */
  useDora?: boolean;
  /** `pissa` starts from the largest singular values of W (Meng et al. 2024) instead of from no change. */
  initialization?: 'default' | 'pissa';
  /** Modules that are trained and saved in full; a classification head always is. */
  modulesToSave?: readonly string[];
}

/** The factor on B·A. */
export const loraScale = (rank: number, alpha: number, useRslora: boolean): number =>
  alpha / (useRslora ? Math.sqrt(rank) : rank);

/**
 * A new adapter. By default A is uniform in ±1/√in (Kaiming with a = √5, as PEFT) and B zero, so that the model starts
 * unchanged. Each A has its own stream (seed, 'lora', module).
 *
 * @param weights the base model's; needed for DoRA, PiSSA and modules that are saved in full
 * @throws RatchetError `E_CONFIG_INVALID` naming a module that the model does not have
 */
export function createLora(
  config: ModelConfig,
  settings: LoraSettings,
  seed: number,
  weights: ReadonlyMap<string, HostTensor> = new Map(),
): LoraAdapter {
  const { rank, alpha, dropout, useRslora = false, useDora = false, initialization = 'default' } = settings;
  const scale = loraScale(rank, alpha, useRslora);
  const targets = targetModules(config, settings.targetModules);
  const saved = modulesToSave(config, settings.modulesToSave ?? []);
  const missing = (settings.modulesToSave ?? []).filter((name) => savedParameters(config, [name]).length === 0);
  if (missing.length > 0)
    throw new RatchetError(
      'E_CONFIG_INVALID',
      `training.modulesToSave: a ${config.architecture} model has no parameters in ${missing.map((name) => `"${name}"`).join(', ')}.`,
      { hint: 'Name modules with weights of their own; a tied head is the embedding.' },
    );
  const parameter = (name: string): HostTensor => {
    const tensor = weights.get(name);
    if (!tensor) throw new TypeError(`createLora needs the weight "${name}" for these settings`);
    return { ...tensor, dtype: 'float32', data: floatsOf(tensor) };
  };
  const savedNames = savedParameters(config, saved ?? []);
  const modules = targets
    .filter(({ name }) => !savedNames.includes(`${name}.weight`))
    .map((module): AdaptedModule => ({ ...module, rank, scale }));
  const tensors = new Map<string, HostTensor>();
  for (const module of modules) {
    const { name, inputs, outputs } = module;
    const weight = () => parameter(`${name}.weight`).data as Float32Array;
    const { a, b } = initialization === 'pissa' ? principalFactors(weight(), module) : startWithoutEffect(module, seed);
    tensors.set(loraKey(name, 'A'), { dtype: 'float32', shape: [rank, inputs], data: a });
    tensors.set(loraKey(name, 'B'), { dtype: 'float32', shape: [outputs, rank], data: b });
    // PiSSA takes its product out of W, so in both cases W as it is gives the lengths at the start.
    if (useDora)
      tensors.set(magnitudeKey(name), { dtype: 'float32', shape: [outputs], data: rowNorms(weight(), module) });
  }
  for (const name of savedNames) {
    const { shape, data } = parameter(name);
    tensors.set(savedKey(name), { dtype: 'float32', shape, data: Float32Array.from(data as Float32Array) });
  }
  // PEFT has to be told of each name under which its model has the embedding.
  const copies = savedNames.includes(embeddingName(config)) ? embeddingCopies(config) : [];
  const copiesToSave = new Set(copies.map((name) => shortName(name.replace(/\.weight$/, ''))));
  return {
    dropout,
    modules,
    savedParameters: savedNames,
    tensors,
    config: {
      peftType: 'LORA',
      baseModel: null,
      taskType: taskType(config),
      r: rank,
      loraAlpha: alpha,
      loraDropout: dropout,
      targetModules: [...new Set(modules.map((module) => shortName(module.name)))],
      modulesToSave: saved && [...saved, ...copiesToSave],
      // PEFT would tie T5's embeddings as if they were linear modules, and fail.
      ensureWeightTying: copies.length > 0 && config.kind === 'decoder',
      fanInFanOut: config.architecture === 'gpt2',
      useRslora,
      useDora,
      bias: 'none',
      initLoraWeights: initialization === 'pissa' ? 'pissa' : true,
      rankPattern: {},
      alphaPattern: {},
    },
  };
}

function startWithoutEffect({ name, inputs, outputs, rank }: AdaptedModule, seed: number) {
  const draws = stream(seed, 'lora', name);
  const bound = 1 / Math.sqrt(inputs);
  const a = Float32Array.from({ length: rank * inputs }, () => (2 * draws.float() - 1) * bound);
  return { a, b: new Float32Array(outputs * rank) };
}
