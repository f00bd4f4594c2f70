import type { RoundResult, ScoreSummary } from '../../../activities/loop-state.js';
import type { EvaluationRow } from '../../../config/domain.js';
import { change, duration, loss, percent, score } from './numbers.js';
import type { Style } from './style.js';
import { renderRow, renderTable, type Column } from './table.js';

/** Widths are fixed because lines appear as the rounds finish. */
const COLUMNS: Column[] = [
  { header: 'round', width: 5 },
  { header: 'stage', width: 6 },
  { header: 'score', align: 'right', width: 5 },
  { header: 'success', align: 'right', width: 7 },
  { header: 'edge cases', align: 'right', width: 10 },
  { header: 'labels', align: 'right', width: 6 },
  { header: 'loss', align: 'right', width: 7 },
  { header: 'time', align: 'right', width: 11 },
  { header: '' },
];

/** The line above the rounds. */
export function roundsHeader(style: Style): string {
  return style.dim(
    renderRow(
      COLUMNS,
      COLUMNS.map((column) => column.header),
    ),
  );
}

/** The base model, before any training. */
export function baselineLine(baseline: ScoreSummary, seconds: number | null): string {
  const { score: mean, successRate, edgeScore } = baseline;
  return renderRow(COLUMNS, [
    'base',
    '–',
    score(mean),
    percent(successRate),
    score(edgeScore),
    '0',
    '–',
    duration(seconds),
  ]);
}

/** One finished round: the scores of the model it trained, and what became of it. */
export function roundLine(result: RoundResult, seconds: number | null, style: Style): string {
  const { after } = result;
  return renderRow(COLUMNS, [
    style.bold(String(result.round)),
    result.stage,
    score(after.score),
    percent(after.successRate),
    score(after.edgeScore),
    String(result.labels),
    loss(result.loss),
    duration(seconds),
    verdict(result, style),
  ]);
}

function verdict(result: RoundResult, style: Style): string {
  if (!result.trained) return style.dim(`not trained: ${result.reason}`);
  return result.promoted ? style.green('promoted') : style.yellow(`kept the former: ${result.reason}`);
}

const LABELS: Record<EvaluationRow['artifactType'], string> = {
  erd: 'entity diagrams',
  architecture: 'architectures',
  code_prototype: 'code',
  sql_query: 'SQL queries',
  all: 'all',
};

/** Before and after, a line per artifact type. Edge cases show the mean score over the edge-case slice. */
export function beforeAfterTable(baseline: EvaluationRow[], final: EvaluationRow[], style: Style): string[] {
  const columns: Column[] = [
    { header: 'artifact type' },
    { header: 'tests', align: 'right' },
    { header: 'score before', align: 'right' },
    { header: 'after', align: 'right' },
    { header: '', align: 'right' },
    { header: 'success before', align: 'right' },
    { header: 'after', align: 'right' },
    { header: 'edge cases before', align: 'right' },
    { header: 'after', align: 'right' },
  ];
  const last = (row: EvaluationRow) => (row.artifactType === 'all' ? 1 : 0);
  const rows = baseline
    .toSorted((a, b) => last(a) - last(b))
    .map((before) => {
      const after = final.find((row) => row.artifactType === before.artifactType) ?? before;
      const delta = change(before.score, after.score);
      return [
        before.artifactType === 'all' ? style.bold(LABELS.all) : LABELS[before.artifactType],
        String(after.n),
        score(before.score),
        style.bold(score(after.score)),
        delta.startsWith('+') ? style.green(delta) : delta.startsWith('−') ? style.red(delta) : delta,
        percent(before.successRate),
        style.bold(percent(after.successRate)),
        score(before.edgeScore),
        style.bold(score(after.edgeScore)),
      ];
    });
  return renderTable(columns, rows, style);
}
