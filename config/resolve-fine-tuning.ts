import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { RatchetError } from './errors.js';
import { fineTuningSchema, type FineTuningConfig } from './fine-tuning.js';
import { accepts, type SchemaNode } from './keys.js';

/** One setting as someone wrote it. */
export interface Setting {
  /** Key of {@link FineTuningConfig}. */
  key: string;
  value: unknown;
  /** Where it was written, for messages: `--epochs`, `run.json: lora_r`. */
  where: string;
}

/** Other names under which files hold a key, in lower case without separators; sections are left out of the name. */
const ALIASES: Record<string, string> = {
  modelname: 'model',
  modelid: 'model',
  basemodel: 'model',
  experimentname: 'name',
  numlabels: 'labels',
  strategy: 'trainingStrategy',
  maxseqlength: 'maxLength',
  maxsequencelength: 'maxLength',
  epochs: 'numEpochs',
  numtrainepochs: 'numEpochs',
  steps: 'maxSteps',
  perdevicetrainbatchsize: 'batchSize',
  usegradientcheckpointing: 'gradientCheckpointing',
  lengthbasedbatching: 'dynamicBatching',
  groupbylength: 'dynamicBatching',
  usecurriculum: 'curriculum',
  lrscheduler: 'schedule',
  lrschedulertype: 'schedule',
  optim: 'optimizer',
  maxgradnorm: 'maxGradientNorm',
  rank: 'loraRank',
  lorar: 'loraRank',
  alpha: 'loraAlpha',
  dropout: 'loraDropout',
  savesteps: 'checkpointSteps',
  patience: 'earlyStoppingPatience',
  threshold: 'earlyStoppingThreshold',
  validationratio: 'evalRatio',
};

const SECTIONS = ['training', 'lora', 'early_stopping', 'earlyStopping', 'data'];

const plain = (name: string): string => name.replaceAll(/[_-]/g, '').toLowerCase();

/**
 * The settings of a JSON file: keys in snake_case or camelCase, the common other names of each, and the sections
 * `training`, `lora`, `early_stopping` and `data`.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_CONFIG_INVALID`
 */
export async function readFineTuningFile(file: string): Promise<Setting[]> {
  const shown = basename(file);
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT')
      throw new RatchetError('E_NOT_FOUND', `There is no configuration file ${file}.`, {
        hint: 'Check the path.',
        cause,
      });
    throw new RatchetError('E_CONFIG_INVALID', `${file} cannot be read (${cause.code}).`, {
      hint: cause.code === 'EISDIR' ? 'Give a file, not a folder.' : 'Check the permissions of the file.',
      cause,
    });
  });
  let root: unknown;
  try {
    root = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw invalid([`${shown}: not valid JSON (${(cause as Error).message})`]);
  }
  if (!isMap(root)) throw invalid([`${shown}: must be an object of settings`]);
  const entries = Object.entries(root).flatMap(([name, value]) =>
    SECTIONS.includes(name) && isMap(value)
      ? Object.entries(value).map(([inner, held]) => [`${name}.${inner}`, inner, held] as const)
      : [[name, name, value] as const],
  );
  return entries.map(([path, name, value]) => ({ key: keyOf(name), value, where: `${shown}: ${path}` }));
}

/** The key that a name means; the name itself where it means none. */
export function keyOf(name: string): string {
  const known = Object.keys(fineTuningSchema('generation').shape);
  return known.find((key) => plain(key) === plain(name)) ?? ALIASES[plain(name)] ?? name;
}

/**
 * The configuration of a task from settings, later ones winning, over its defaults.
 *
 * @throws RatchetError `E_CONFIG_INVALID` with every fault, each naming where it was written
 */
export function resolveFineTuning(settings: readonly Setting[], task: FineTuningConfig['task']): FineTuningConfig {
  const schema = fineTuningSchema(task);
  const values: Record<string, unknown> = {};
  const places = new Map<string, string>();
  for (const setting of settings.flatMap(withPrecision)) {
    if (setting.key === 'task') continue;
    values[setting.key] = setting.value;
    places.set(setting.key, setting.where);
  }
  const result = schema.safeParse({ ...values, task });
  if (result.success) return result.data;
  const nodes = (z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as SchemaNode).properties!;
  const faults = result.error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => `${places.get(key)}: ${unknownKey(key, task)}`);
    const key = String(issue.path[0]);
    return [`${places.get(key) ?? key}: must be ${wanted(nodes[key]!)}, got ${JSON.stringify(values[key])}`];
  });
  throw invalid([...new Set(faults)]);
}

/** What a key takes, without the null that a file may write and the settings that a name may have. */
export function wanted(node: SchemaNode): string {
  if (Array.isArray(node.type)) return accepts({ ...node, type: String(node.type[0]) });
  const choices = node.anyOf?.filter(({ type }) => type !== 'null' && type !== 'object') ?? [];
  return accepts(choices.length === 0 ? node : choices.length === 1 ? choices[0]! : { anyOf: choices });
}

/** `fp16` and `bf16` are two names of one setting. */
function withPrecision(setting: Setting): Setting[] {
  if (setting.key !== 'fp16' && setting.key !== 'bf16') return [setting];
  if (typeof setting.value !== 'boolean')
    throw invalid([`${setting.where}: must be boolean, got ${JSON.stringify(setting.value)}`]);
  if (!setting.value) return [];
  return [{ ...setting, key: 'precision', value: setting.key === 'fp16' ? 'float16' : 'bfloat16' }];
}

function unknownKey(key: string, task: FineTuningConfig['task']): string {
  const known = Object.keys(fineTuningSchema(task).shape);
  const other = Object.keys(fineTuningSchema(task === 'generation' ? 'classification' : 'generation').shape);
  if (other.includes(key)) return `has no meaning for ${task}`;
  const near = known
    .map((name) => ({ name, edits: distance(plain(name), plain(key)) }))
    .sort((a, b) => a.edits - b.edits)[0]!;
  return near.edits <= Math.max(2, Math.floor(key.length / 3))
    ? `unknown setting; did you mean ${snakeCase(near.name)}?`
    : 'unknown setting';
}

/** `loraRank` → `lora_rank`. */
export const snakeCase = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function invalid(faults: string[]): RatchetError {
  const counted = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return new RatchetError(
    'E_CONFIG_INVALID',
    `${counted} in the settings:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    {
      hint: '`ratchet train --help` and docs/training.md describe every setting.',
    },
  );
}
