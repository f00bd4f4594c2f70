/**
 * The loop's own workflow code at a scale that no test server reaches, on a simulated clock: many loops on shared workers
 * with late and doubled feedback, and a year of schedules. The server, the workers and the learning are simulated.
 * `npm run simulate -- [--json] [--loops N] [--events N] [--gpus N] [--days N] [--seed N] [--write]`; `--write` puts the
 * figures into docs/scale.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { simulateCrowd } from './simulation/crowd.js';
import { simulateYear } from './simulation/year.js';

const number = (standard: number) => ({ type: 'string', default: String(standard) }) as const;
const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    loops: number(10_000),
    events: number(1_000_000),
    gpus: number(24),
    days: number(365),
    seed: number(1),
  },
});
const [loops, events, gpus, days, seed] = [flags.loops, flags.events, flags.gpus, flags.days, flags.seed].map(Number);

register('./simulation/redirect.js', import.meta.url);
const [{ runAdaptiveLoop }, { checkFeedback }] = await Promise.all([
  import('../workflows/run-adaptive-loop.js'),
  import('../workflows/check-feedback.js'),
]);

const timed = async (work: () => Promise<Record<string, number>>) => {
  const before = performance.now();
  const figures = await work();
  return { ...figures, seconds: Math.round((performance.now() - before) / 1000) };
};
const crowd = await timed(() =>
  simulateCrowd({ loops: loops!, events: events!, gpus: gpus!, seed: seed!, runAdaptiveLoop }),
);
const year = await timed(() => simulateYear({ days: days!, seed: seed!, runAdaptiveLoop, checkFeedback }));

const table = (title: string, figures: Record<string, number>) =>
  [
    `### ${title}`,
    '',
    '| figure | value |',
    '| --- | ---: |',
    ...Object.entries(figures).map(([name, value]) => `| ${words(name)} | ${value.toLocaleString('en-US')} |`),
  ].join('\n');
const words = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const section = [
  `Made by \`npm run simulate -- --write --loops ${loops} --events ${events} --gpus ${gpus} --days ${days} --seed ${seed}\` on ${cpus().length} cores at load ${loadavg()[0]!.toFixed(1)}.`,
  '',
  table(`${loops!.toLocaleString('en-US')} loops, ${gpus} devices, two days`, crowd),
  '',
  table(`${days} days of schedules`, year),
].join('\n');

if (flags.write) {
  const file = new URL('../../docs/scale.md', import.meta.url);
  const page = await readFile(file, 'utf8');
  const [begin, end] = ['<!-- simulation: written by bench/simulate.ts -->', '<!-- /simulation -->'];
  const [before, rest = ''] = page.split(begin);
  await writeFile(file, `${before}${begin}\n\n${section}\n\n${end}${rest.split(end)[1] ?? '\n'}`);
}
process.stdout.write(flags.json ? `${JSON.stringify({ crowd, year })}\n` : `${section}\n`);
