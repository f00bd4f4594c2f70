import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostTensor } from '../api.js';
import { writeAtomic } from './atomic-write.js';
import { diskError } from './disk-error.js';
import { invalidModel } from './safetensors-header.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';

/** The fields of PEFT's `adapter_config.json` that decide what a LoRA adapter computes. */
export interface AdapterConfig {
  peftType: 'LORA';
  baseModel: string | null;
  taskType: string | null;
  /** Rank. */
  r: number;
  loraAlpha: number;
  loraDropout: number;
  /** Names (last parts of module paths), or one regular expression / `all-linear`. */
  targetModules: string[] | string;
  modulesToSave: string[] | null;
  /** A saved embedding is the head, too, where the model ties them. */
  ensureWeightTying: boolean;
  fanInFanOut: boolean;
  useRslora: boolean;
  useDora: boolean;
  bias: string;
  initLoraWeights: boolean | string;
  rankPattern: Record<string, number>;
  alphaPattern: Record<string, number>;
}

export interface Adapter {
  config: AdapterConfig;
  /** Keys as in the file: `base_model.model.<module>.lora_A.weight`. */
  tensors: Map<string, HostTensor>;
}

/** What PEFT 0.21 writes for the fields this engine leaves at their defaults. */
const PEFT_DEFAULTS: Record<string, unknown> = {
  alora_invocation_tokens: null,
  arrow_config: null,
  auto_mapping: null,
  corda_config: null,
  eva_config: null,
  exclude_modules: null,
  inference_mode: true,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_bias: false,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  monteclora_config: null,
  peft_version: '0.21.2',
  qalora_group_size: 16,
  revision: null,
  target_parameters: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_qalora: false,
  velora_config: null,
};

/** `adapter_config.json` as PEFT lays it out: keys sorted, two spaces, the lists sorted too. */
export function adapterConfigJson(config: AdapterConfig): string {
  const fields: Record<string, unknown> = {
    ...PEFT_DEFAULTS,
    alpha_pattern: config.alphaPattern,
    base_model_name_or_path: config.baseModel,
    bias: config.bias,
    ensure_weight_tying: config.ensureWeightTying,
    fan_in_fan_out: config.fanInFanOut,
    init_lora_weights: config.initLoraWeights,
    lora_alpha: config.loraAlpha,
    lora_dropout: config.loraDropout,
    modules_to_save: config.modulesToSave,
    peft_type: config.peftType,
    r: config.r,
    rank_pattern: config.rankPattern,
    target_modules: Array.isArray(config.targetModules) ? [...config.targetModules].sort() : config.targetModules,
    task_type: config.taskType,
    use_dora: config.useDora,
    use_rslora: config.useRslora,
  };
  const sorted = Object.keys(fields)
    .sort()
    .map((name) => [name, fields[name]]);
  return JSON.stringify(Object.fromEntries(sorted), null, 2);
}

/** Fields that make more of an adapter than its tensors tell; each is null or false where it is of no effect. */
const UNSUPPORTED = [
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'layer_replication',
  'monteclora_config',
  'use_bdlora',
  'use_qalora',
];

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isNumberMap(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && Object.values(value).every((item) => Number.isFinite(item));
}

/** Checks an `adapter_config.json`; throws `E_MODEL_INVALID` naming file and field. */
export function parseAdapterConfig(file: string, text: string): AdapterConfig {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw invalidModel(file, `not valid JSON (${(error as Error).message}).`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw invalidModel(file, 'not a JSON object.');
  const field = <T>(name: string, check: (value: unknown) => value is T, fallback?: T): T => {
    const value = raw[name] ?? fallback;
    if (value === undefined || !check(value)) {
      throw invalidModel(file, `field ${name} is ${JSON.stringify(raw[name]) ?? 'missing'}.`);
    }
    return value;
  };
  const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
  const isString = (value: unknown): value is string => typeof value === 'string';
  const isRank = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  const isFraction = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1;
  const isPositive = (value: unknown): value is number =>
    typeof value === 'number' && Number.isFinite(value) && value > 0;
  if (raw['peft_type'] !== 'LORA')
    throw invalidModel(file, `peft_type is ${JSON.stringify(raw['peft_type'])}; only "LORA" is supported.`);
  for (const name of UNSUPPORTED)
    if (raw[name] != null && raw[name] !== false)
      throw invalidModel(file, `${name} is ${JSON.stringify(raw[name])}, which is not supported.`);
  return {
    peftType: 'LORA',
    baseModel: raw['base_model_name_or_path'] == null ? null : field('base_model_name_or_path', isString),
    taskType: raw['task_type'] == null ? null : field('task_type', isString),
    r: field('r', isRank),
    loraAlpha: field('lora_alpha', isPositive),
    loraDropout: field('lora_dropout', isFraction, 0),
    targetModules: field(
      'target_modules',
      (value): value is string[] | string => isString(value) || isStringList(value),
    ),
    modulesToSave: raw['modules_to_save'] == null ? null : field('modules_to_save', isStringList),
    ensureWeightTying: field('ensure_weight_tying', isBoolean, false),
    fanInFanOut: field('fan_in_fan_out', isBoolean, false),
    useRslora: field('use_rslora', isBoolean, false),
    useDora: field('use_dora', isBoolean, false),
    bias: field('bias', isString, 'none'),
    initLoraWeights: field(
      'init_lora_weights',
      (value): value is boolean | string => isBoolean(value) || isString(value),
      true,
    ),
    rankPattern: field('rank_pattern', isNumberMap, {}),
    alphaPattern: field('alpha_pattern', isNumberMap, {}),
  };
}

/**
 * A tensor's key as PEFT 0.21 writes it. Files of other versions and tools name the adapter (`lora_A.default.weight`), put
 * trained copies below `modules_to_save`, or give the magnitude a `.weight`. Null for the untrained originals that some
 * save beside the copies.
 */
export function canonicalKey(key: string): string | null {
  if (/\.original_module\./.test(key)) return null;
  const named = key
    .replace(/\.(lora_[AB])\.[^.]+\.weight$/, '.$1.weight')
    .replace(/\.lora_magnitude_vector(\.[^.]+)?\.weight$/, '.lora_magnitude_vector')
    .replace(/\.modules_to_save\.(?:[^.]+\.)?(weight|bias)$/, '.$1');
  return named.startsWith('base_model.model.') ? named : `base_model.model.${named}`;
}

/**
 * Reads a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`. Fields that are not known are ignored, keys
 * brought to today's names.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming file and field or tensor, `E_NOT_FOUND`
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  const file = join(folder, 'adapter_config.json');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  const config = parseAdapterConfig(file, text);
  const weights = join(folder, 'adapter_model.safetensors');
  const tensors: Adapter['tensors'] = new Map();
  for (const [key, tensor] of (await readSafetensors(weights)).tensors) {
    const name = canonicalKey(key);
    if (name === null) continue;
    if (tensors.has(name)) throw invalidModel(weights, `two tensors are "${name}": the file holds several adapters.`);
    tensors.set(name, tensor);
  }
  return { config, tensors };
}

/**
 * Writes a PEFT folder that PEFT (and we) can load. Each file is replaced atomically, the weights first, so that a
 * folder with a config always has the weights too.
 *
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function writeAdapter(folder: string, adapter: Adapter): Promise<void> {
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), adapter.tensors);
  await writeAtomic(join(folder, 'adapter_config.json'), [Buffer.from(adapterConfigJson(adapter.config))]);
}
