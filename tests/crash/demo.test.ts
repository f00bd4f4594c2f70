import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DemoRun, type DemoSummary } from './demo-run.js';

describe('W2: a demo whose processes are killed', () => {
  let undisturbed: DemoSummary;
  const runs: DemoRun[] = [];
  const start = async () => {
    const run = await DemoRun.start();
    runs.push(run);
    return run;
  };

  beforeAll(async () => {
    undisturbed = await (await start()).summary();
  });
  afterEach(async () => {
    await Promise.all(runs.splice(0).map((run) => run.remove()));
  });
  afterAll(() => {
    expect(undisturbed.adapterSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  const withoutSeconds = ({ seconds: _, ...summary }: DemoSummary) => summary;

  it('gives the same bits when nothing is killed', async () => {
    expect(withoutSeconds(await (await start()).summary())).toEqual(withoutSeconds(undisturbed));
  });

  it.each([
    ['the gpu worker, in training', 'gpu-worker', 'round-1/training-'],
    ['the store worker', 'store-worker', 'round-1/answers.jsonl'],
    ['the server', 'start-dev', 'round-1/rewards.jsonl'],
  ])('goes on by itself after kill -9 of %s, to the same result', async (_name, part, moment) => {
    const run = await start();
    await run.waitForFile(moment);
    const pids = await run.processes(part);
    expect(pids).not.toHaveLength(0);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(withoutSeconds(await run.summary())).toEqual(withoutSeconds(undisturbed));
  });

  it('goes on after kill -9 of the command itself, when it is typed again', async () => {
    const run = await start();
    await run.waitForFile('round-2/requests.jsonl');
    process.kill(run.pid, 'SIGKILL');
    await run.gone();
    run.again();
    expect(withoutSeconds(await run.summary())).toEqual(withoutSeconds(undisturbed));
  });
});
