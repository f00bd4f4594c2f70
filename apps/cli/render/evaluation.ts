import type { EvaluationResult } from '../../../workers/jobs/evaluate-job.js';
import { bytes, duration, loss, percent, score } from './numbers.js';
import type { Style } from './style.js';
import { renderTable } from './table.js';

/** What an evaluation measured, a line each. */
export function evaluationLines(result: EvaluationResult, style: Style): string[] {
  const { classification, comparison, latency } = result;
  const rows: [string, string][] = [
    ['rows', `${result.rows}, ${result.truncatedRows} of them cut`],
    ['loss', loss(result.loss)],
  ];
  if (result.perplexity !== null) rows.push(['perplexity', loss(result.perplexity)]);
  rows.push([result.tokens === null ? 'accuracy' : 'tokens right', percent(result.accuracy)]);
  if (classification !== null) {
    const { macro, micro, weighted, balancedAccuracy } = classification;
    rows.push(
      ['F1', `macro ${percent(macro.f1)}, micro ${percent(micro.f1)}, weighted ${percent(weighted.f1)}`],
      ['balanced', percent(balancedAccuracy)],
    );
  }
  if (comparison !== null)
    rows.push(
      ['exact match', `${percent(comparison.exactMatch)} of ${comparison.texts} texts`],
      ['BLEU', score(comparison.bleu)],
      ['chrF', score(comparison.chrf)],
      ['ROUGE', `1 ${percent(comparison.rouge1)}, 2 ${percent(comparison.rouge2)}, L ${percent(comparison.rougeL)}`],
    );
  if (latency !== null) {
    const { medianMilliseconds, lowerQuartileMilliseconds, upperQuartileMilliseconds, tokensPerSecond, predictions } =
      latency;
    const range = `${lowerQuartileMilliseconds.toFixed(1)}–${upperQuartileMilliseconds.toFixed(1)}`;
    rows.push(['latency', `${medianMilliseconds.toFixed(1)} ms (${range} ms; ${predictions} predictions)`]);
    if (tokensPerSecond !== null) rows.push(['tokens/s', tokensPerSecond.toFixed(0)]);
  }
  rows.push(['peak memory', bytes(result.peakMemoryBytes)], ['time', duration(result.milliseconds / 1000)]);
  const dropped = Object.entries(result.dropped).map(([reason, n]) => style.yellow(`  ${n} left out: ${reason}`));
  return [
    ...rows.map(([name, value]) => `${style.dim(name.padEnd(14))}${value}`),
    ...dropped,
    ...perClass(classification, style),
  ];
}

function perClass(classification: EvaluationResult['classification'], style: Style): string[] {
  if (classification === null) return [];
  const { names, perClass: classes } = classification;
  const columns = [
    { header: 'class' },
    { header: 'rows', align: 'right' as const },
    { header: 'precision', align: 'right' as const },
    { header: 'recall', align: 'right' as const },
    { header: 'F1', align: 'right' as const },
  ];
  const rows = classes.map(({ precision, recall, f1, support }, i) => [
    names[i]!,
    String(support),
    percent(precision),
    percent(recall),
    percent(f1),
  ]);
  return ['', ...renderTable(columns, rows, style)];
}
