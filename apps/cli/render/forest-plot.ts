import type { ClaimRow, Verdict } from '../../../config/claims.js';
import { CONFIRMATORY_SEEDS, isFirstLook, verdictText } from './claims.js';
import { cut } from './style.js';

const COLOURS: Record<Verdict, string> = {
  met: '#1a7f37',
  'improved, below target': '#0969da',
  'no effect': '#6e7781',
  worse: '#cf222e',
  'not measured': '#6e7781',
};
const ROW = 26;
const TOP = 44;
const LEFT = 480;
/** Characters of a claim that fit beside the plot. */
const LABEL = 74;
const WIDTH = 360;
const RIGHT = 240;
/** Effects beyond this share of the reference are cut at the edge of the picture. */
const LIMIT = 1;

/**
 * The measured effects as a forest plot (SVG): a point and its interval a claim, as the relative change against the other
 * side, turned so that better lies right of the middle line. Claims without a number are left out.
 */
export function forestPlot(claims: readonly ClaimRow[]): string {
  const rows = claims.flatMap((row) => {
    const effect = relative(row);
    return effect === null ? [] : [{ row, ...effect }];
  });
  const height = TOP + rows.length * ROW + 34;
  const x = (value: number) => LEFT + ((Math.max(-LIMIT, Math.min(LIMIT, value)) + LIMIT) / (2 * LIMIT)) * WIDTH;
  const bottom = TOP + rows.length * ROW;
  const body = rows.map(({ row, point, low, high, target }, place) => {
    const y = TOP + place * ROW + ROW / 2;
    const colour = COLOURS[row.verdict];
    const bar =
      low === null
        ? ''
        : `<line x1="${n(x(low))}" x2="${n(x(high!))}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"/>`;
    const goal = target === null ? '' : `<path d="M${n(x(target))} ${y - 8}v16" stroke="#bf8700" stroke-width="2"/>`;
    return [
      `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end"${row.headline ? ' font-weight="600"' : ''}>${escape(cut(row.claimed, LABEL))}</text>`,
      bar,
      goal,
      `<circle cx="${n(x(point))}" cy="${y}" r="4.5" stroke="${colour}" stroke-width="1.5" fill="${isFirstLook(row) ? '#ffffff' : colour}"/>`,
      `<text x="${LEFT + WIDTH + 12}" y="${y + 4}" fill="${colour}">${verdictText(row)}</text>`,
    ].join('');
  });
  const ticks = [-1, -0.5, 0, 0.5, 1].map(
    (value) =>
      `<path d="M${n(x(value))} ${TOP}V${bottom}" stroke="${value === 0 ? '#1f2328' : '#d0d7de'}"/><text x="${n(x(value))}" y="${bottom + 18}" text-anchor="middle">${value > 0 ? '+' : ''}${value * 100} %</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + RIGHT} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2328" role="img" aria-label="Measured effects with 95 % intervals">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${LEFT}" y="16">worse</text><text x="${LEFT + WIDTH}" y="16" text-anchor="end">better</text>`,
    `<text x="${LEFT + WIDTH / 2}" y="32" text-anchor="middle" fill="#59636e">relative effect, 95 % interval; yellow: target; hollow: fewer than ${CONFIRMATORY_SEEDS} seeds</text>`,
    ...ticks,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

/** The effect, its interval and its target relative to the other side's level, better upwards. */
function relative(
  row: ClaimRow,
): { point: number; low: number | null; high: number | null; target: number | null } | null {
  if (row.measuredGain === null || row.levels === null) return null;
  const { against } = row.levels;
  if (row.comparison === 'difference' && !(against > 0)) return null;
  const scale = (value: number) => {
    const change = row.comparison === 'ratio' ? value - 1 : value / against;
    return row.better === 'higher' ? change : -change;
  };
  const ends = row.interval === null ? null : row.interval.map(scale).toSorted((a, b) => a - b);
  const { target } = row;
  const goal =
    target === null
      ? null
      : target.of === 'comparison'
        ? target.value
        : row.comparison === 'difference'
          ? target.value - against
          : null;
  return {
    point: scale(row.measuredGain),
    low: ends?.[0] ?? null,
    high: ends?.[1] ?? null,
    target: goal === null ? null : scale(goal),
  };
}

function n(value: number): string {
  return value.toFixed(1);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
