import { access, copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HostTensor } from '../api.js';
import { syncFolder, writeAtomic } from './atomic-write.js';
import { diskError } from './disk-error.js';
import { writeSafetensors } from './safetensors.js';

const COPIED = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'chat_template.jinja',
];

/**
 * Writes the files of a model into a folder that exists: the weights, the config of `modelDir` with the type that they
 * are written in, and its tokenizer.
 */
export async function writeModelFiles(
  folder: string,
  modelDir: string,
  weights: ReadonlyMap<string, HostTensor>,
): Promise<void> {
  await writeSafetensors(join(folder, 'model.safetensors'), weights);
  await writeAtomic(join(folder, 'config.json'), [Buffer.from(await floatConfig(modelDir))]);
  for (const name of COPIED) await copyIfPresent(join(modelDir, name), join(folder, name));
}

/** Writes a whole model folder, which appears complete or not at all. @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER` */
export async function writeModelFolder(
  folder: string,
  modelDir: string,
  weights: ReadonlyMap<string, HostTensor>,
): Promise<void> {
  const temporary = `${folder.replace(/\/+$/, '')}.tmp-${process.pid}`;
  try {
    await mkdir(temporary, { recursive: true });
    await writeModelFiles(temporary, modelDir, weights);
    await rename(temporary, folder);
    await syncFolder(dirname(folder));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw diskError(error, `writing ${folder}`);
  }
}

/** The model's config with the type the weights are written in. */
async function floatConfig(modelDir: string): Promise<string> {
  const config = JSON.parse(await readFile(join(modelDir, 'config.json'), 'utf8')) as Record<string, unknown>;
  const { torch_dtype: _, quantization_config: _packed, ...rest } = config;
  return `${JSON.stringify({ ...rest, dtype: 'float32' }, null, 2)}\n`;
}

async function copyIfPresent(from: string, to: string): Promise<void> {
  const present = await access(from).then(
    () => true,
    () => false,
  );
  if (present) await copyFile(from, to);
}
