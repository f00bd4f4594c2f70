import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import type { SideResult } from './measure.js';

/** What was measured of one part. */
export interface Part {
  title: string;
  /** In pairs: the first against the second, for each number of threads. */
  sides: SideResult[];
  /** Learned tokens in a step of mixed lengths. */
  supervisedTokens?: number;
  /** Tokens generated in a step. */
  newTokens?: number;
  /** Rows for which both sides generated the same tokens, of all rows. */
  equalRows?: [equal: number, all: number];
}

/** A part with the circumstances in which it was measured. */
interface StoredPart extends Part {
  day: string;
  /** Processes that wanted a core when the part ended. */
  load: number;
}

interface Report {
  ratios: Record<string, number>;
  machine: string;
  parts: Record<string, StoredPart>;
}

const JSON_FILE = 'docs/bench.json';
const MARKDOWN_FILE = 'docs/bench.md';

/** Below this share of a core the clock says more about the neighbours than about the step. */
const IDLE = 0.9;

export async function readReport(): Promise<Report> {
  const none: Report = { ratios: {}, machine: '', parts: {} };
  return readFile(JSON_FILE, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => none,
  );
}

/** Adds a part to both files and returns its table. */
export async function writeReport(name: string, part: Part): Promise<string> {
  const report = await readReport();
  const rounded = part.sides.map((side) => ({
    ...side,
    wall: round(side.wall),
    cpu: round(side.cpu),
    peak: round(side.peak),
    share: Number(side.share.toFixed(2)),
  }));
  const day = new Date().toISOString().slice(0, 10);
  report.parts[name] = { ...part, sides: rounded, day, load: round(loadavg()[0]!) };
  report.machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}`;
  report.ratios = Object.assign({}, ...Object.entries(report.parts).map(([key, value]) => ratiosOf(key, value)));
  await writeFile(JSON_FILE, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(MARKDOWN_FILE, markdown(report));
  return section(name, report.parts[name]!);
}

const round = (value: number): number => Number(value.toFixed(1));

/** The pair of sides a ratio is taken from, and whether by the clock. */
function pairOf({ sides }: Part): { own: SideResult; peer: SideResult; by: 'wall' | 'cpu' } {
  const of = (threads: number) => sides.filter((side) => side.threads === threads);
  const single = of(Math.min(...sides.map((side) => side.threads)));
  const most = of(Math.max(...sides.map((side) => side.threads)));
  const idle = single.every((side) => side.share >= IDLE);
  const [own, peer] = idle ? most : single;
  return { own: own!, peer: peer!, by: idle ? 'wall' : 'cpu' };
}

function ratiosOf(name: string, part: Part): Record<string, number> {
  const { own, peer, by } = pairOf(part);
  const time = Number((own[by] / peer[by]).toFixed(3));
  const memory = Number((own.peak / peer.peak).toFixed(3));
  if (name === 'gemm') return { 'gemm.bound': time };
  if (name === 'packing') return { 'packing.speed': Number((1 / time).toFixed(3)) };
  if (name === 'qlora') return { 'qlora.memory': memory };
  if (part.newTokens !== undefined)
    return { [`${name}.speed`]: Number((1 / time).toFixed(3)), [`${name}.memory`]: memory };
  return { [`${name}.time`]: time, [`${name}.memory`]: memory };
}

function section(name: string, part: StoredPart): string {
  const { by, own, peer } = pairOf(part);
  const lines = [
    `## ${name}: ${part.title}`,
    '',
    '| side | threads | clock, ms | processor, ms | peak, MB | loss of the first step |',
    '| --- | --- | --- | --- | --- | --- |',
    ...part.sides.map(
      (side) =>
        `| ${side.name} | ${side.threads} | ${side.wall} | ${side.cpu} | ${side.peak || '–'} | ${side.firstLoss ? side.firstLoss.toFixed(6) : '–'} |`,
    ),
    '',
    `Ratios: ${Object.entries(ratiosOf(name, part))
      .map(([key, value]) => `${key} **${value}**`)
      .join(
        ', ',
      )}, by ${by === 'wall' ? 'the clock' : 'processor time'} with ${own.threads} thread${own.threads > 1 ? 's' : ''}.`,
  ];
  const rate = (tokens: number, side: SideResult) => Math.round((1000 * tokens) / side[by]);
  const rates = (tokens: number) => `${rate(tokens, own)} against ${rate(tokens, peer)}`;
  if (part.supervisedTokens !== undefined)
    lines.push(
      `Learned tokens a second: ${rates(part.supervisedTokens)} (${part.supervisedTokens} in a step, the median).`,
    );
  if (part.newTokens !== undefined) lines.push(`New tokens a second: ${rates(part.newTokens)}.`);
  if (part.equalRows) lines.push(`Rows with the same tokens on both sides: ${part.equalRows.join(' of ')}.`);
  const steps = own.steps === undefined ? '' : `, medians of ${own.steps} steps`;
  lines.push(
    `Measured on ${part.day}${steps}, load ${part.load}, one thread had ${Math.round(100 * own.share)} % of a core.`,
  );
  return lines.join('\n');
}

function markdown({ machine, parts }: Report): string {
  const versions = Object.assign(
    {},
    ...Object.values(parts).flatMap((part) => part.sides.map((side) => side.versions)),
  );
  const named = Object.entries(versions as Record<string, string>)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
  return `# Benchmarks

Written by \`npm run bench\`; do not edit. ${machine}. Peers: ${named}.

Both sides have the same random weights and the same rows, each in a process of its own, one step at a time in turns; the
first step (tracing, compiling) is left out, the figures are medians. The peak is the highest resident memory of the
process during the steps, weights and runtime included. Where neighbours kept a single thread from having 90 % of a core, the
ratio of times is that of processor time with one thread: the clock would measure the neighbours.

${Object.entries(parts)
  .map(([name, part]) => section(name, part))
  .join('\n\n')}
`;
}
