import { renderTable } from './table.js';
import type { Style } from './style.js';

/** One step of a schedule; its phase is null where the schedule has none. */
export interface LearningRateRow {
  step: number;
  learningRate: number;
  phase: string | null;
}

/** Characters of a full bar. */
const BAR = 30;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A table of the steps, with a bar as long as the learning rate is high. */
export function learningRateRows(rows: readonly LearningRateRow[], style: Style): string[] {
  const largest = rows.reduce((most, { learningRate }) => Math.max(most, learningRate), 0);
  return renderTable(
    [
      { header: 'step', align: 'right' },
      { header: 'learning rate', align: 'right' },
      { header: 'phase' },
      { header: '' },
    ],
    rows.map(({ step, learningRate, phase }) => [
      String(step),
      learningRate.toExponential(3),
      phase ?? '–',
      style.cyan(bar(largest === 0 ? 0 : learningRate / largest)),
    ]),
    style,
  );
}

function bar(share: number): string {
  const eighths = Math.round(share * BAR * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}
