import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The validations of a run by optimizer step, in a file beside its checkpoints: what was measured before a crash is still
 * known when the run goes on. Lines are appended; a torn one, and a step that was written before, are skipped.
 */
export class ValidationLog {
  private readonly byStep = new Map<number, number>();

  constructor(private readonly file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
      const entry = parse(line);
      if (entry !== null) this.byStep.set(entry.step, entry.loss);
    }
    appendFileSync(file, '\n');
  }

  append(step: number, loss: number): void {
    if (this.byStep.has(step)) return;
    this.byStep.set(step, loss);
    appendFileSync(this.file, `${JSON.stringify({ step, loss })}\n`);
  }

  /** In the order of the steps; the engine validates once an epoch. */
  get losses(): number[] {
    return [...this.byStep].sort(([a], [b]) => a - b).map(([, loss]) => loss);
  }
}

function parse(line: string): { step: number; loss: number } | null {
  try {
    return line === '' ? null : (JSON.parse(line) as { step: number; loss: number });
  } catch {
    return null;
  }
}
