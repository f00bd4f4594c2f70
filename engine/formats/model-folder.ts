import { access, copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HostTensor } from '../api.js';
import { parseModelConfig, type ClassifierConfig, type ModelConfig } from '../nn/config.js';
import { syncFolder, temporaryFolder, writeAtomic } from './atomic-write.js';
import { diskError } from './disk-error.js';
import { writeSafetensors } from './safetensors.js';

const COPIED = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'chat_template.jinja',
];

/** The class of transformers that has a classification head. */
const CLASSIFIERS: Record<ClassifierConfig['architecture'], string> = {
  distilbert: 'DistilBertForSequenceClassification',
  bert: 'BertForSequenceClassification',
  roberta: 'RobertaForSequenceClassification',
};

/**
 * Writes the files of a model into a folder that exists: the weights, the config of `modelDir` with the type that they
 * are written in and the classes of `config`, and its tokenizer.
 */
export async function writeModelFiles(
  folder: string,
  modelDir: string,
  weights: ReadonlyMap<string, HostTensor>,
  config: ModelConfig,
): Promise<void> {
  await writeSafetensors(join(folder, 'model.safetensors'), weights);
  await writeAtomic(join(folder, 'config.json'), [Buffer.from(await modelConfigJson(modelDir, config))]);
  for (const name of COPIED) await copyIfPresent(join(modelDir, name), join(folder, name));
}

/** Writes a whole model folder, which appears complete or not at all. @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER` */
export async function writeModelFolder(
  folder: string,
  modelDir: string,
  weights: ReadonlyMap<string, HostTensor>,
  config: ModelConfig,
): Promise<void> {
  const temporary = temporaryFolder(folder);
  try {
    await mkdir(temporary, { recursive: true });
    await writeModelFiles(temporary, modelDir, weights, config);
    await rename(temporary, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw diskError(error, `writing ${folder}`);
  }
}

/** The config.json of `modelDir` with the type that weights are written in, and the classes of `config` where they are others. */
export async function modelConfigJson(modelDir: string, config: ModelConfig): Promise<string> {
  const file = join(modelDir, 'config.json');
  const text = await readFile(file, 'utf8');
  const {
    torch_dtype: _,
    quantization_config: _packed,
    ...rest
  } = JSON.parse(keepNumbers(text)) as Record<string, unknown>;
  const classes = config.kind === 'classifier' ? newClasses(config, parseModelConfig(file, text)) : {};
  return `${restoreNumbers(JSON.stringify({ ...rest, ...classes, dtype: 'float32' }, null, 2))}\n`;
}

/**
 * JSON whose numbers that JavaScript would write otherwise are strings that begin with a NUL: transformers 5 refuses a T5
 * whose `initializer_factor` of 1.0 has become 1.
 */
const keepNumbers = (json: string): string =>
  json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') || token === String(Number(token)) ? token : `"\\u0000${token}"`,
  );

/** Undoes {@link keepNumbers}. */
const restoreNumbers = (json: string): string => json.replaceAll(/"\\u0000(-?\d[\d.eE+-]*)"/g, '$1');

function newClasses({ architecture, labels }: ClassifierConfig, own: ModelConfig): Record<string, unknown> {
  if (own.kind === 'classifier' && own.labels.join('\n') === labels.join('\n')) return {};
  return {
    architectures: [CLASSIFIERS[architecture]],
    num_labels: undefined,
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
}

async function copyIfPresent(from: string, to: string): Promise<void> {
  const present = await access(from).then(
    () => true,
    () => false,
  );
  if (present) await copyFile(from, to);
}
