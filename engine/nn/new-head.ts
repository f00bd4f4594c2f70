import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { diskError } from '../formats/disk-error.js';
import { readModelTensors, readSafetensors } from '../formats/safetensors.js';
import { parseModelConfig, type ModelConfig } from './config.js';
import { headModules } from './parameters.js';

/** A folder's config.json. @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID` */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const file = join(folder, 'config.json');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  return parseModelConfig(file, text);
}

/**
 * The classes of a new head that a model needs for what is asked, by their names; null where the head it has will do: it has
 * these classes, or as many, or nothing was asked.
 *
 * @param asked the classes' names, or how many there are
 * @throws RatchetError `E_CONFIG_INVALID` for a language model, two classes of one name or none
 */
export async function newHeadLabels(
  folder: string,
  config: ModelConfig,
  asked: number | readonly string[] | null,
): Promise<string[] | null> {
  if (asked === null) return null;
  const invalid = (why: string, hint: string) => new RatchetError('E_CONFIG_INVALID', `labels: ${why}.`, { hint });
  if (config.kind !== 'classifier')
    throw invalid(`a ${config.architecture} model has no classes`, 'Use a DistilBERT, BERT or RoBERTa model.');
  const known = config.labels;
  const fits = typeof asked === 'number' ? asked === known.length : asked.join('\n') === known.join('\n');
  const labels =
    typeof asked !== 'number' ? [...asked] : fits ? known : Array.from({ length: asked }, (_, i) => `LABEL_${i}`);
  if (labels.length === 0 || new Set(labels).size < labels.length)
    throw invalid('each class needs a name of its own, and there must be one', 'Correct the list.');
  if (!fits) return labels;
  const names: string[] = [];
  await readModelTensors(folder, { filter: (name) => names.push(name) < 0 });
  return names.includes(`${headModules(config).at(-1)!.name}.weight`) ? null : labels;
}

/** The model with these classes. */
export function withLabels(config: ModelConfig, labels: readonly string[] | null | undefined): ModelConfig {
  return labels && config.kind === 'classifier' ? { ...config, labels: [...labels] } : config;
}

/** The classes of the head that an adapter folder holds: its own config.json names them. Null where it holds none. */
export async function adapterLabels(adapterDir: string | null | undefined): Promise<string[] | null> {
  if (!adapterDir || !existsSync(join(adapterDir, 'config.json'))) return null;
  const config = await readModelConfig(adapterDir);
  if (config.kind !== 'classifier') return null;
  const keys: string[] = [];
  await readSafetensors(join(adapterDir, 'adapter_model.safetensors'), { filter: (key) => keys.push(key) < 0 });
  const classifier = `${headModules(config).at(-1)!.name}.weight`;
  return keys.some((key) => key.endsWith(`.${classifier}`)) ? config.labels : null;
}
