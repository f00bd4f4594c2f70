import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { Store } from '../../store/store.js';
import { strike, type Fault } from '../../workers/chaos/faults.js';
import { differences, lostEvents, takeFingerprint } from '../../workers/chaos/fingerprint.js';
import { SmallRun } from '../../workers/chaos/small-run.js';

const PROGRAM = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));
/** `RATCHET_CRASH_ROUNDS=5 npx vitest run tests/crash/all-components.test.ts` takes the long way. */
const ROUNDS = Number(process.env['RATCHET_CRASH_ROUNDS'] ?? 2);
const CONFIG = readFileSync(new URL('all-components.yaml', import.meta.url), 'utf8').replace(
  'rounds: 2',
  `rounds: ${ROUNDS}`,
);

const runs: SmallRun[] = [];
afterAll(() => Promise.all(runs.map((run) => run.remove())));

function start(): SmallRun {
  const run = new SmallRun(PROGRAM, mkdtempSync(path.join(tmpdir(), 'ratchet-crash-')), CONFIG);
  runs.push(run);
  return run;
}
const kill = (target: Fault['target'], ...moment: string[]): Fault => ({
  target,
  kind: 'kill',
  moment,
  delayMilliseconds: 0,
});

it(`R11: ${ROUNDS} rounds with all ten components on, killed twice, end with the same bits as undisturbed`, async () => {
  const reference = start();
  const undisturbed = await takeFingerprint(reference);
  const store = await Store.open(path.join(reference.dataFolder, 'ratchet.duckdb'), { readOnly: true });
  const traces = await store.query('SELECT DISTINCT component FROM component_traces ORDER BY component');
  await store.close();
  // Rewards, similarity and batch sizes are no switches: they are in every round.
  expect(traces.map((row) => row['component'])).toEqual([
    'activeLearning',
    'augmentation',
    'curriculum',
    'hardNegativeMining',
    'preferenceLearning',
    'tracking',
    'tuning',
  ]);

  const run = start();
  // In the training on pairs of the first round, and with everything at once in a trial of the last.
  expect(await strike(run, kill('gpu-worker', 'round-1/preferences.jsonl'))).toBe(true);
  expect(await strike(run, kill('supervisor', `round-${ROUNDS}/trials/1-`))).toBe(true);
  const disturbed = await takeFingerprint(run);
  expect(differences(undisturbed, disturbed)).toEqual([]);
  expect(lostEvents(undisturbed, disturbed)).toBe(0);
});
