import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArtifactRef, ExampleRow, TrainingParameters } from '../config/domain.js';
import { RatchetError } from '../config/errors.js';
import { configHash } from '../config/hash.js';
import type { LoopConfig } from '../config/loop.js';
import { readRows, readRowsInPieces, resolveInside, writeRows } from './artifacts.js';
import type { RoundKey } from './interfaces.js';
import type { ModelReference } from './loop-state.js';

/** What every activity has: the data folder. Store and engine are given only to the activities of their queue. */
export interface Dependencies {
  dataFolder: string;
}

/** Reads and writes a round's rows: `loops/<loop>/round-<n>/<name>.jsonl` under the data folder. */
export class RoundFiles {
  constructor(private readonly dataFolder: string) {}

  read<Row>(ref: ArtifactRef): Promise<Row[]> {
    return readRows<Row>(this.dataFolder, ref);
  }

  readInPieces<Row>(ref: ArtifactRef, largest: number): AsyncGenerator<Row[]> {
    return readRowsInPieces<Row>(this.dataFolder, ref, largest);
  }

  /**
   * Examples of earlier rounds; null: none. Unless what is held out never trains, what was held out before does now: a
   * row that validates a round has still never been trained on.
   */
  async readEarlier(ref: ArtifactRef | null, { tracking }: LoopConfig): Promise<ExampleRow[]> {
    const rows = ref === null ? [] : await this.read<ExampleRow>(ref);
    return tracking.holdOut === 'fixed' ? rows : rows.map((row) => ({ ...row, split: 'train' }));
  }

  write(key: RoundKey, name: string, rows: readonly unknown[]): Promise<ArtifactRef> {
    return writeRows(this.dataFolder, `${roundFolder(key)}/${name}.jsonl`, rows);
  }

  /** Absolute path of something in the data folder. */
  path(uri: string): string {
    return resolveInside(this.dataFolder, uri);
  }
}

/** Folder of a round, relative to the data folder. */
export function roundFolder(key: RoundKey): string {
  return `loops/${key.loop}/round-${key.round}`;
}

/** Folder of what the trials of a round's tuning leave behind, for as long as the round needs it. */
export function trialsFolder(key: RoundKey): string {
  return `${roundFolder(key)}/trials`;
}

/** Folder of a model that a round trains: other parameters give another one. */
export function modelFolder(key: RoundKey, outputName: string, parameters: TrainingParameters): string {
  return `${roundFolder(key)}/models/${outputName}-${configHash(parameters).slice(0, 8)}`;
}

/** Folder of the base model: absolute, below the working directory, or one that ships with Ratchet. */
export function baseModelFolder(config: LoopConfig): string {
  const candidates = [path.resolve(config.model), path.join(packageRoot(), config.model)];
  const found = candidates.find((folder) => existsSync(path.join(folder, 'config.json')));
  if (found === undefined) {
    throw new RatchetError('E_NOT_FOUND', `No model in ${candidates.join(' or ')}: config.json is missing.`, {
      hint: 'Set loop.model to a folder with config.json, safetensors and tokenizer.json; `npm run pretrain` makes models/base.',
    });
  }
  return found;
}

/** The folders the engine generates from: an adapter over its base (lora), or a whole model of its own (full). */
export function modelFolders(
  config: LoopConfig,
  files: RoundFiles,
  model: ModelReference | null,
): { modelDir: string; adapterDir: string | null } {
  if (model === null) return { modelDir: baseModelFolder(config), adapterDir: null };
  const folder = files.path(model.path);
  return config.strategy === 'full'
    ? { modelDir: folder, adapterDir: null }
    : { modelDir: baseModelFolder(config), adapterDir: folder };
}

function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}
