import path from 'node:path';
import type { ClaimRow, ClaimsReport } from '../../../config/claims.js';
import { CONFIRMATORY_SEEDS, isFirstLook, verdictText } from './claims.js';

/** What a report does not know of itself. */
export interface ReportOrigin {
  /** What made it. */
  command: string;
  /** File of the registration. */
  registration: string;
  /** File of the runs behind it, from the page's folder; null where they are not published. */
  runs?: string | null;
}

/** The report as Markdown: what was run, the picture, and a table claimed / measured / interval / verdict. */
export function claimsPage(report: ClaimsReport, { command, registration, runs = null }: ReportOrigin): string {
  const { tier, seeds, arms, rounds, labels, machine, claims } = report;
  const measured = claims.filter((row) => row.verdict !== 'not measured');
  const headlines = measured.filter((row) => row.headline);
  const components = measured.filter((row) => !row.headline);
  const open = claims.filter((row) => row.verdict === 'not measured');
  const done = Object.entries(arms).filter(([, count]) => count > 0);
  const missing = Object.entries(arms).filter(([, count]) => count < Math.max(...Object.values(arms)));
  const lines = [
    '# The claims, measured',
    '',
    'Made by:',
    '',
    '```sh',
    command,
    '```',
    '',
    `- Tier \`${tier}\`: ${rounds} rounds; seeds ${seeds.join(', ') || 'none'}.`,
    `- Runs: ${done.map(([arm, count]) => `${arm} × ${count} (${labels[arm]!.toFixed(0)} labels)`).join(', ') || 'none'}.`,
    ...(machine === null
      ? []
      : [
          `- ${machine.cpus} cores; load ${machine.load[0].toFixed(1)}–${machine.load[1].toFixed(1)} during the runs (wall times suffer from it, scores do not).`,
        ]),
    `- Registered in \`${registration}\`, SHA-256 \`${report.preregistrationSha256}\`; generators \`${report.generatorSha256.slice(0, 16)}…\`, base model \`${report.modelSha256.slice(0, 16)}…\`.`,
    ...(runs === null ? [] : [`- Every run, a line each: [${path.basename(runs)}](${runs}).`]),
    ...(report.note === '' ? [] : [`- ${report.note}`]),
    '- Simulated users on synthetic tasks; no person was asked.',
    '',
    'Both sides of a comparison get the same requests, the same annotator (5 % wrong labels), the same label budget (which a loop that admits few requests cannot spend), and train on as many rows per label, counted with repeats. The test requests take no part in selection, tuning or stopping; the labels to a score are read from validation requests that decide nothing. Intervals are 95 % paired bootstraps over seeds (10,000 resamples), *p* is the exact sign-flip test, Holm corrects over the headlines. *Met* and *improved* need an interval that excludes "no difference". What never reached its target counts with the larger budget of both sides and is marked *censored*.',
    '',
    ...provisional(measured, report),
    '![Measured effects with their intervals and targets](claims.svg)',
    '',
    '## Headlines',
    '',
    ...table(headlines),
    '',
    ...(report.goodKept === null
      ? []
      : [
          `Beside the planted boilerplate, V2's gates kept ${(100 * report.goodKept).toFixed(1)} % of the good labels. As detectors of it:`,
          '',
          '| planted share | precision of V1 | recall of V1 | precision of V2 | recall of V2 |',
          '|---|---|---|---|---|',
          ...report.gates.map(
            ({ planted, v1, v2 }) =>
              `| ${[planted, v1.precision, v1.recall, v2.precision, v2.recall].map(percent).join(' | ')} |`,
          ),
          '',
        ]),
    '## Components and controls',
    '',
    ...table(components),
    '',
  ];
  if (open.length > 0 || missing.length > 0) {
    lines.push('## Not measured', '');
    for (const row of open) lines.push(`- ${row.claimed}${row.note === '' ? '' : ` (${row.note})`}`);
    if (missing.length > 0)
      lines.push(
        `- Runs that are still to come: ${missing.map(([arm, count]) => `${arm} (${count} done)`).join(', ')}.`,
      );
    lines.push('');
  }
  return lines.join('\n');
}

function provisional(measured: readonly ClaimRow[], { tier }: ClaimsReport): string[] {
  const fewest = Math.min(...measured.filter((row) => row.headline).map((row) => row.seeds));
  if (!(fewest < CONFIRMATORY_SEEDS))
    return measured.some(isFirstLook)
      ? [
          `A verdict on fewer than ${CONFIRMATORY_SEEDS} seeds is a first look, for a bootstrap of so few is too narrow.`,
          '',
        ]
      : [];
  return [
    `**Provisional.** With ${fewest} paired ${fewest === 1 ? 'seed' : 'seeds'} the smallest possible *p* is ${2 ** (1 - fewest)}: a verdict here says where the interval lies, not that anything is proven.${tier === 'smoke' ? ' The cpu tier (10 seeds, every ablation) is still to be run: `npx ratchet claims --tier cpu`.' : ''}`,
    '',
  ];
}

const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);

function table(rows: readonly ClaimRow[]): string[] {
  return [
    '| claimed | measured (V2 against V1, or as named) | effect | 95 % interval | target | seeds | p (Holm) | d_z | verdict |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${cells(row).join(' | ')} |`),
  ];
}

function cells(row: ClaimRow): string[] {
  const { claimed, measured, interval, target, seeds, p, pHolm, effectSize, censored, note } = row;
  const sign = row.comparison === 'ratio' ? '×' : 'Δ';
  const censoring = censored === null ? '' : `; censored ${censored.arm} and ${censored.against}`;
  const bound = row.better === 'lower' ? '≤' : '≥';
  return [
    `${claimed}${note === '' ? '' : `<br>${note}`}`,
    `${measured ?? '–'}${censoring}`,
    row.measuredGain === null ? '–' : `${sign} ${short(row.measuredGain)}`,
    interval === null ? '–' : `${short(interval[0])} … ${short(interval[1])}`,
    target === null
      ? row.margin === undefined
        ? '–'
        : `Δ ≥ −${row.margin}`
      : `${target.of === 'arm' ? 'level ' : `${sign} `}${target.to === undefined ? `${bound} ${target.value}` : `${target.value} … ${target.to}`}`,
    String(seeds),
    p === null ? '–' : `${short(p)}${pHolm === null ? '' : ` (${short(pHolm)})`}`,
    effectSize === null ? '–' : short(effectSize),
    verdictText(row),
  ];
}

function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
