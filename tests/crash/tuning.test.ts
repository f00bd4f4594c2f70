import { afterAll, expect, it } from 'vitest';
import { DemoRun, type DemoSummary } from './demo-run.js';

const runs: DemoRun[] = [];
afterAll(() => Promise.all(runs.map((run) => run.remove())));

async function start(): Promise<DemoRun> {
  const run = await DemoRun.start('tuning-loop.yaml');
  runs.push(run);
  return run;
}
const withoutSeconds = ({ seconds: _, ...summary }: DemoSummary) => summary;

it('R7: a search whose gpu worker is killed in the middle of a trial goes on to the same adapter', async () => {
  const undisturbed = await (await start()).summary();
  expect(undisturbed.adapterSha256).toMatch(/^[0-9a-f]{64}$/);
  const run = await start();
  await run.waitForFile('round-1/trials/1-');
  const pids = await run.processes('gpu-worker');
  expect(pids).not.toHaveLength(0);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  expect(withoutSeconds(await run.summary())).toEqual(withoutSeconds(undisturbed));
});
