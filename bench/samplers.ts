/**
 * Compares the samplers with Optuna's on the six objectives of `bench/samplers.json`: `node dist/bench/samplers.js [FILE]
 * [--seeds 30] [--from 0] [--samplers default,tpe]`. Prints the quartiles of the best value after the last trial, the
 * fixture's medians and the time of one suggestion; exit code 1 when the default sampler's median is worse than the
 * median of Optuna's TPE on any objective.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createDefaultSampler } from '../learning/tuning/default-sampler.js';
import { createGaussianProcessSampler } from '../learning/tuning/gaussian-process-sampler.js';
import { createQuasiRandomSampler } from '../learning/tuning/quasi-random-sampler.js';
import { createRandomSampler } from '../learning/tuning/random-sampler.js';
import { createTpeSampler } from '../learning/tuning/tpe-sampler.js';
import { quantile } from '../learning/statistics/descriptive.js';
import { runStudy, type TpeFixture } from '../scripts/parity/tpe.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '30' },
    from: { type: 'string', default: '0' },
    samplers: { type: 'string', default: 'default,tpe' },
  },
});
const fixture = JSON.parse(readFileSync(positionals[0] ?? 'bench/samplers.json', 'utf8')) as TpeFixture;
const available = [
  createDefaultSampler(),
  createGaussianProcessSampler(),
  createTpeSampler(),
  createTpeSampler({ multivariate: false }),
  createQuasiRandomSampler(),
  createRandomSampler(),
];
const digits = (value: number) => value.toPrecision(3).padStart(9);

console.log('objective       sampler               q25    median       q75  optuna: tpe        gp   ms/trial');
for (const name of values.samplers.split(',')) {
  let [asGoodAsTpe, asGoodAsGp] = [0, 0];
  const sampler = available.find((one) => one.name === name);
  if (sampler === undefined)
    throw new Error(`No sampler ${name}; there are ${available.map((one) => one.name).join(', ')}.`);
  for (const [objective, reference] of Object.entries(fixture.results)) {
    const started = performance.now();
    const finals = Array.from({ length: Number(values.seeds) }, (_, index) =>
      runStudy(fixture, objective, sampler, Number(values.from) + index).at(-1)!,
    );
    const perTrial = (performance.now() - started) / finals.length / fixture.n_trials;
    const last = String(fixture.n_trials);
    const tpe = reference.TPESampler!.best_so_far[last]!.median;
    const gp = quantile(fixture.results_gp?.[objective]?.best_so_far_at[last] ?? [NaN], 0.5);
    const quartiles = [0.25, 0.5, 0.75].map((share) => digits(quantile(finals, share)));
    console.log(
      `${objective.padEnd(16)}${name.padEnd(16)}${quartiles.join(' ')}    ${digits(tpe)} ${digits(gp)}  ${perTrial.toFixed(1).padStart(8)}`,
    );
    const median = quantile(finals, 0.5);
    if (median <= tpe) asGoodAsTpe++;
    if (median <= gp) asGoodAsGp++;
    if (name === 'default' && median > tpe) process.exitCode = 1;
  }
  console.log(`${name}: median at most that of Optuna's TPE on ${asGoodAsTpe} objectives, of its GP on ${asGoodAsGp}`);
}
