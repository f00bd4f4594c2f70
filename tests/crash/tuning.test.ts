import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { strike } from '../../workers/chaos/faults.js';
import { SmallRun, type SmallRunSummary } from '../../workers/chaos/small-run.js';

const PROGRAM = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));
const CONFIG = readFileSync(new URL('tuning-loop.yaml', import.meta.url), 'utf8');

const runs: SmallRun[] = [];
afterAll(() => Promise.all(runs.map((run) => run.remove())));

function start(): SmallRun {
  const run = new SmallRun(PROGRAM, mkdtempSync(path.join(tmpdir(), 'ratchet-crash-')), CONFIG);
  runs.push(run);
  return run;
}
const withoutSeconds = ({ seconds: _, ...summary }: SmallRunSummary) => summary;

it('R7: a search whose gpu worker is killed in the middle of a trial goes on to the same adapter', async () => {
  const undisturbed = await start().summary();
  expect(undisturbed.adapterSha256).toMatch(/^[0-9a-f]{64}$/);
  const run = start();
  const moment = ['round-1/trials/1-'];
  expect(await strike(run, { target: 'gpu-worker', kind: 'kill', moment, delayMilliseconds: 0 })).toBe(true);
  expect(withoutSeconds(await run.summary())).toEqual(withoutSeconds(undisturbed));
});
