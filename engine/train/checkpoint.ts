import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import type { CheckpointReference, HostTensor } from '../api.js';
import { syncFolder, writeAtomic, writeSynced } from '../formats/atomic-write.js';
import { diskError } from '../formats/disk-error.js';
import { encodeSafetensors, readSafetensors } from '../formats/safetensors.js';

/** Everything needed to go on as if nothing had happened. */
export interface CheckpointParts {
  /** Weights and optimizer moments, by any names. */
  tensors: ReadonlyMap<string, HostTensor>;
  /** JSON: step counters, order of the data, best validation, … */
  state: unknown;
}

export interface LoadedCheckpoint extends CheckpointReference {
  tensors: Map<string, HostTensor>;
  state: unknown;
  /** Newer checkpoints that were damaged, and why. */
  skipped: { path: string; why: string }[];
}

const TENSORS = 'tensors.safetensors';
const STATE = 'state.json';
const CHECKSUMS = 'checksums.json';
const BEST = 'best.json';
/** Checkpoints that stay besides the best one. */
const KEPT = 2;

function folderName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

function sha256(chunks: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** Steps that have a folder, newest first; an absent folder has none. */
export async function listSteps(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw diskError(error, `listing the checkpoints in ${folder}`);
  });
  return names
    .filter((name) => /^step-\d{8,}$/.test(name))
    .map((name) => Number(name.slice('step-'.length)))
    .sort((a, b) => b - a);
}

async function bestStep(folder: string): Promise<number | null> {
  try {
    const { step } = JSON.parse(await readFile(join(folder, BEST), 'utf8')) as { step?: unknown };
    return Number.isSafeInteger(step) ? (step as number) : null;
  } catch {
    return null;
  }
}

/** A run that saves a step has no whole checkpoint of a later one: it would have gone on from that. */
async function removeOld(folder: string, saved: number): Promise<void> {
  const best = await bestStep(folder);
  const steps = await listSteps(folder);
  const later = steps.filter((step) => step > saved);
  const old = steps.slice(later.length + KEPT).filter((step) => step !== best);
  for (const step of [...later, ...old]) await rm(join(folder, folderName(step)), { recursive: true, force: true });
  for (const name of await readdir(folder)) {
    if (name.startsWith('.tmp-')) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Saves a checkpoint as a folder `step-N` that appears at once or not at all: parts and checksums are written and
 * flushed in a temporary folder, which is then renamed. This one, the one before and the best one are kept.
 * One process at a time may write to a folder.
 *
 * @param step steps done so far, ≥ 0; a checkpoint of the same step is replaced
 * @param options.best mark this checkpoint as the best so far
 * @param options.beforeWrite asked before anything visible changes; what it throws leaves the folder as it was
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  parts: CheckpointParts,
  options: { best?: boolean; beforeWrite?: () => Promise<void> } = {},
): Promise<CheckpointReference> {
  const path = join(folder, folderName(step));
  const temporary = join(folder, `.tmp-${folderName(step)}-${randomUUID()}`);
  const contents: Record<string, Uint8Array[]> = {
    [TENSORS]: encodeSafetensors(parts.tensors, { step: String(step) }),
    [STATE]: [Buffer.from(JSON.stringify({ step, state: parts.state }))],
  };
  const checksums = Object.fromEntries(Object.entries(contents).map(([name, chunks]) => [name, sha256(chunks)]));
  const checksumText = Buffer.from(`${JSON.stringify(checksums, null, 2)}\n`);
  try {
    await mkdir(temporary, { recursive: true });
    for (const [name, chunks] of Object.entries(contents)) await writeSynced(join(temporary, name), chunks);
    await writeSynced(join(temporary, CHECKSUMS), [checksumText]);
    await syncFolder(temporary);
    await options.beforeWrite?.();
    await rm(path, { recursive: true, force: true });
    await rename(temporary, path);
    await syncFolder(folder);
    if (options.best) await markBest(folder, step);
    await removeOld(folder, step);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw diskError(error, `saving checkpoint ${path}`);
  }
  return { step, path, sha256: sha256([checksumText]) };
}

/**
 * Marks the checkpoint of a step as the best so far: it is kept until another one is marked.
 *
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function markBest(folder: string, step: number): Promise<void> {
  const file = join(folder, BEST);
  await writeAtomic(file, [Buffer.from(`${JSON.stringify({ step })}\n`)]).catch((error: unknown) => {
    throw diskError(error, `writing ${file}`);
  });
}

/**
 * Identity of the checkpoint of a step: the hash of its checksums.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_DATA_FOLDER`
 */
export async function checkpointHash(folder: string, step: number): Promise<string> {
  const file = join(folder, folderName(step), CHECKSUMS);
  const text = await readFile(file).catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  return sha256([text]);
}

/** Reads one checkpoint; throws an Error that says what is wrong with it. */
async function readCheckpoint(path: string, step: number): Promise<Omit<LoadedCheckpoint, 'skipped'>> {
  const checksumText = await readFile(join(path, CHECKSUMS), 'utf8');
  const checksums = JSON.parse(checksumText) as Record<string, unknown>;
  for (const name of [TENSORS, STATE]) {
    const actual = sha256([await readFile(join(path, name))]);
    if (checksums[name] !== actual) throw new Error(`${name} does not match its checksum`);
  }
  const saved = JSON.parse(await readFile(join(path, STATE), 'utf8')) as { step: number; state: unknown };
  if (saved.step !== step) throw new Error(`it was saved at step ${saved.step}`);
  const { tensors } = await readSafetensors(join(path, TENSORS), { widen: false });
  return { step, path, sha256: sha256([Buffer.from(checksumText)]), tensors, state: saved.state };
}

/**
 * The checkpoint of a step.
 *
 * @throws RatchetError `E_CHECKPOINT_CORRUPT` when it is not whole
 */
export async function loadCheckpoint(folder: string, step: number): Promise<Omit<LoadedCheckpoint, 'skipped'>> {
  const path = join(folder, folderName(step));
  return readCheckpoint(path, step).catch((cause: Error) => {
    throw new RatchetError('E_CHECKPOINT_CORRUPT', `${path} is not a whole checkpoint: ${cause.message}.`, {
      hint: 'Take the checkpoint of another step.',
      cause,
    });
  });
}

/**
 * The newest checkpoint that is whole, or null where there is none. Damaged ones are left on the disk, skipped and
 * reported: in `skipped`, and to `onSkip` also when nothing valid is left.
 *
 * @throws RatchetError `E_DATA_FOLDER` when the folder cannot be read
 */
export async function loadNewestCheckpoint(
  folder: string,
  options: { onSkip?(skipped: { path: string; why: string }): void } = {},
): Promise<LoadedCheckpoint | null> {
  const skipped: LoadedCheckpoint['skipped'] = [];
  for (const step of await listSteps(folder)) {
    const path = join(folder, folderName(step));
    try {
      return { ...(await readCheckpoint(path, step)), skipped };
    } catch (error) {
      const entry = { path, why: (error as Error).message };
      skipped.push(entry);
      options.onSkip?.(entry);
    }
  }
  return null;
}

/** The checkpoint last saved as the best, or null where there is none or it is damaged. */
export async function loadBestCheckpoint(folder: string): Promise<Omit<LoadedCheckpoint, 'skipped'> | null> {
  const step = await bestStep(folder);
  if (step === null) return null;
  return readCheckpoint(join(folder, folderName(step)), step).catch(() => null);
}
