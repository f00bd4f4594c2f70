import type { ClaimRow, ClaimsReport } from '../../../config/claims.js';
import type { Style } from './style.js';
import { renderTable } from './table.js';

/** The report for a terminal: a line a measured claim, headlines first. */
export function claimLines(report: ClaimsReport, style: Style): string[] {
  const measured = report.claims.filter((row) => row.verdict !== 'not measured');
  const rows = measured
    .toSorted((a, b) => Number(b.headline) - Number(a.headline))
    .map((row) => [row.claimed, row.measured ?? '–', interval(row), String(row.seeds), verdict(row, style)]);
  const left = report.claims.length - measured.length;
  return [
    ...renderTable(
      [
        { header: 'claimed' },
        { header: 'measured' },
        { header: '95 % interval' },
        { header: 'seeds', align: 'right' },
        { header: 'verdict' },
      ],
      rows,
      style,
    ),
    ...(left === 0 ? [] : [style.dim(`${left} more are not measured in this tier, or not yet.`)]),
  ];
}

function interval({ comparison, interval: ends }: ClaimRow): string {
  if (ends === null) return '–';
  return `${comparison === 'ratio' ? '× ' : ''}${ends.map((end) => end.toPrecision(3)).join(' … ')}`;
}

/**
 * Paired seeds from which a verdict may stand: the bootstrap of fewer is too narrow, and they cannot reject anything after
 * Holm's correction over the headlines.
 */
export const CONFIRMATORY_SEEDS = 10;

/** Whether the row's verdict says only where a few seeds lie. */
export const isFirstLook = ({ seeds }: ClaimRow): boolean => seeds < CONFIRMATORY_SEEDS;

/**
 * The verdict as a reader takes it: where nothing was aimed at there is no target to be below. Where a loss was to be
 * excluded, an interval that holds it shows nothing, and neither does a single seed.
 */
export function verdictText(row: ClaimRow): string {
  const { verdict: text, target, margin, interval: ends } = row;
  if (text === 'no effect' && (margin !== undefined || ends === null)) return 'not shown';
  const plain = target === null && text === 'improved, below target' ? 'improved' : text;
  return isFirstLook(row) ? `${plain} (first look)` : plain;
}

function verdict(row: ClaimRow, style: Style): string {
  const text = verdictText(row);
  if (text === 'met') return style.green(text);
  return text === 'worse' ? style.red(text) : text;
}
