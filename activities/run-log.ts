import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { StepReport, UnfitRow, ValidationReport } from '../engine/index.js';

/** What a training run leaves for the store: its optimizer steps, its checkpoints and the rows it left out, each once. */
export type TrainingRecord =
  | ({ kind: 'step' } & StepReport)
  | { kind: 'checkpoint'; step: number; path: string; sha256: string }
  | ({ kind: 'unfit-row' } & UnfitRow);

/**
 * What was measured of a run, in a file beside its checkpoints: what came before a crash is still known when the resumed
 * run ends. Lines are appended: a crash can tear the last one at most, and a resumed run repeats what came after its
 * checkpoint, so that torn lines are skipped and the first record of each key is kept.
 */
class RunLog<Row> {
  private readonly byKey = new Map<string | number, Row>();

  constructor(
    private readonly file: string,
    private readonly keyOf: (row: Row) => string | number,
  ) {
    mkdirSync(path.dirname(file), { recursive: true });
    for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
      const row = parse<Row>(line);
      if (row !== null) this.keep(row);
    }
    appendFileSync(file, '\n');
  }

  /** Writes a repeated record as well: what was done twice can be counted. */
  append(row: Row): void {
    this.keep(row);
    appendFileSync(this.file, `${JSON.stringify(row)}\n`);
  }

  /** Every record once, in the order of first writing. */
  get rows(): Row[] {
    return [...this.byKey.values()];
  }

  private keep(row: Row): void {
    const key = this.keyOf(row);
    if (!this.byKey.has(key)) this.byKey.set(key, row);
  }
}

/** What happened in a training run. */
export const openTrainingLog = (file: string): RunLog<TrainingRecord> =>
  new RunLog(file, (record) => `${record.kind} ${record.kind === 'unfit-row' ? record.id : record.step}`);

/** What a language model made of a text. */
export interface RewriteRecord {
  /** Names the question: the same one is not asked twice. */
  question: string;
  answer: string;
}

/** The answers that a language model has given for a round: a step that is tried again makes the same rows of them. */
export const openRewriteLog = (file: string): RunLog<RewriteRecord> => new RunLog(file, ({ question }) => question);

/** The validations of a run. */
export const openValidationLog = (file: string): RunLog<ValidationReport> => new RunLog(file, ({ step }) => step);

function parse<Row>(line: string): Row | null {
  try {
    return line === '' ? null : (JSON.parse(line) as Row);
  } catch {
    return null;
  }
}
