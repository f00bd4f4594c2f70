import { readFile } from 'node:fs/promises';
import type { ArmResult, ProbeResult } from '../../config/claims.js';
import { writeAtomic } from '../../engine/formats/atomic-write.js';
import { parseLines, resolveInside } from '../artifacts.js';

/** What an arm, or a seed's probes, came to. */
export const resultFile = (key: string): string => `claims/results/${key}.json`;

/** The results in a file of published runs, a line each. */
export const parseResults = (text: string): (ArmResult | ProbeResult)[] => parseLines(text.split('\n'));

/** How far a run has been played. */
export const stateFile = (run: string): string => `claims/runs/${run}.json`;

/** Writes a value as JSON, whole or not at all. */
export async function writeState(dataFolder: string, uri: string, value: unknown): Promise<void> {
  await writeAtomic(resolveInside(dataFolder, uri), [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);
}

/** The value of {@link writeState}; null when there is none. */
export async function readState<T>(dataFolder: string, uri: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(resolveInside(dataFolder, uri), 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
