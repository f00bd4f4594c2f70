import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { StepReport } from '../engine/index.js';

/** What a training run leaves for the store: its optimizer steps and its checkpoints, each once. */
export type TrainingRecord =
  ({ kind: 'step' } & StepReport) | { kind: 'checkpoint'; step: number; path: string; sha256: string };

/**
 * Keeps a run's steps and checkpoints in a file beside its checkpoints, so that what was measured before a crash is
 * still known when the resumed run ends. Lines are appended: a crash can tear the last one at most, and a resumed run
 * repeats the steps after its checkpoint, so that reading skips torn lines and keeps the first record of each step.
 */
export class TrainingLog {
  constructor(private readonly file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    appendFileSync(file, '\n');
  }

  append(record: TrainingRecord): void {
    appendFileSync(this.file, `${JSON.stringify(record)}\n`);
  }

  /** Every record once, in the order of first writing. */
  read(): TrainingRecord[] {
    const records = new Map<string, TrainingRecord>();
    for (const line of readFileSync(this.file, 'utf8').split('\n')) {
      const record = parseRecord(line);
      if (record && !records.has(`${record.kind} ${record.step}`)) records.set(`${record.kind} ${record.step}`, record);
    }
    return [...records.values()];
  }
}

function parseRecord(line: string): TrainingRecord | null {
  if (line === '') return null;
  try {
    return JSON.parse(line) as TrainingRecord;
  } catch {
    return null;
  }
}
