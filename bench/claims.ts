import { MockActivityEnvironment } from '@temporalio/testing';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fingerprintOf, planArm, probeKey } from '../activities/claims.js';
import { parseResults, readState, resultFile, writeState } from '../activities/claims/result-files.js';
import { createCpuActivities, createGpuActivities } from '../activities/index.js';
import { Preregistration, type ArmResult, type ClaimTier } from '../config/claims.js';
import { writeAtomic } from '../engine/formats/atomic-write.js';
import { createEngine } from '../engine/index.js';
import { writeClaims } from '../apps/cli/render/claims-files.js';

/**
 * The experiments on the claims in this process, without a server: `npx tsx bench/claims.ts --tier smoke --data DIR`.
 * Results are the files that `ratchet claims` uses as well; what is there is not run again, and `--until HH:MM` begins
 * no new run after that time. `--runs FILE` takes what was measured elsewhere from a file, a line a run, and leaves all
 * that is known there: `--only "" --runs bench/claims/prereg-runs.jsonl` judges the published runs without playing any.
 * `--fingerprint` prints the hashes to register.
 */
const { values } = parseArgs({
  options: {
    tier: { type: 'string', default: 'smoke' },
    data: { type: 'string', default: 'data' },
    out: { type: 'string' },
    prereg: { type: 'string' },
    only: { type: 'string' },
    seeds: { type: 'string' },
    runs: { type: 'string' },
    until: { type: 'string' },
    fingerprint: { type: 'boolean', default: false },
  },
});
const root = path.resolve(import.meta.dirname, import.meta.filename.endsWith('.ts') ? '..' : '../..');
const registration = values.prereg ?? 'bench/claims/prereg.json';
const preregistration = Preregistration.parse(JSON.parse(await readFile(path.resolve(root, registration), 'utf8')));
if (values.fingerprint) {
  console.log(JSON.stringify(await fingerprintOf({ preregistration, tier: values.tier as ClaimTier })));
  process.exit();
}

const dataFolder = path.resolve(values.data);
const tier = values.tier as ClaimTier;
const budget = preregistration.tiers[tier]!;
const seeds = budget.seeds.slice(0, values.seeds === undefined ? undefined : Number(values.seeds));
const arms = values.only === undefined ? budget.arms : values.only.split(',').filter((arm) => arm !== '');
const end = values.until === undefined ? Infinity : nextTime(values.until);
const isOver = () => Date.now() >= end;

const engine = createEngine();
const environment = new MockActivityEnvironment();
const inside = <T extends object>(activities: T): T =>
  Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [name, (input: unknown) => environment.run(activity, input)]),
  ) as T;
const claims = { ...createCpuActivities({ dataFolder }), ...inside(createGpuActivities({ dataFolder, engine })) };
const ground = { preregistration, tier };
await claims.checkClaimsGround(ground);
if (values.runs !== undefined) await takeRuns(values.runs);
for (const seed of budget.probeSeeds) await claims.probeClaims({ ...ground, seed });
for (const seed of seeds) {
  for (const arm of arms) {
    if (isOver()) continue;
    const started = performance.now();
    const { known } = await claims.playClaimsArm({ ...ground, arm, seed });
    console.log(`${tier} ${seed} ${arm} ${known ? 'known' : `${((performance.now() - started) / 1000).toFixed(0)} s`}`);
  }
}
const report = await claims.judgeClaims({
  ...ground,
  arms: budget.arms,
  seeds: budget.seeds,
  probeSeeds: budget.probeSeeds,
});
if (values.runs !== undefined) await leaveRuns(values.runs);
// Where the results lie, and when to stop, does not change them.
const chosen = Object.entries({
  tier,
  prereg: values.prereg,
  only: values.only,
  seeds: values.seeds,
  runs: values.runs,
}).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value === '' ? '""' : value}`]));
const command = ['npx tsx bench/claims.ts', ...chosen].join(' ');
const folder = values.out ?? path.join(dataFolder, 'claims');
const runs = values.runs === undefined ? null : path.relative(folder, values.runs);
await writeClaims(report, folder, { command, registration, runs });
for (const row of report.claims) {
  if (row.verdict !== 'not measured') console.log(row.id, row.measured, row.measuredGain, row.interval, row.verdict);
}
await engine.close();

/** Makes the results in a file known here; those of another registration are never asked for. */
async function takeRuns(file: string): Promise<void> {
  if (!existsSync(file)) return;
  for (const result of parseResults(await readFile(file, 'utf8')))
    await writeState(dataFolder, resultFile(result.key), result);
}

/** The tier's probes and runs that are known here, a line each, in the order of the registration. */
async function leaveRuns(file: string): Promise<void> {
  const found: unknown[] = [];
  for (const seed of budget.probeSeeds) found.push(await readState(dataFolder, resultFile(probeKey(ground, seed))));
  for (const seed of budget.seeds) {
    for (const arm of budget.arms) {
      const run = await readState<ArmResult>(dataFolder, resultFile(planArm(ground, arm, seed).key));
      found.push(run && { ...run, arm, seed });
    }
  }
  const lines = found.filter(Boolean).map((result) => `${JSON.stringify(result)}\n`);
  await writeAtomic(path.resolve(file), [Buffer.from(lines.join(''))]);
}

/** The next time that a clock on the wall says so, past midnight if it must. */
function nextTime(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number);
  const time = new Date().setHours(hours!, minutes!, 0, 0);
  return time > Date.now() ? time : time + 86_400_000;
}
