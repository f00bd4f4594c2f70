import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTimeline } from '../../workers/trace/read-timeline.js';
import { startEnvironment, until } from './environment.js';
import { withLoop } from './loop-harness.js';
import { MemoryLoop } from './memory-activities.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

it('W1: a timeline names what was tried again and why, and follows a round that still runs', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const loop = new MemoryLoop({
    async before({ name, attempt }) {
      if (name === 'scoreRewards' && attempt === 1)
        throw ApplicationFailure.create({ message: 'no space left', type: 'E_DISK_FULL' });
      if (name === 'trainModel') await held;
    },
  });
  await withLoop(environment, loop, { simulatedUsers: { requests: 24 }, rounds: 1 }, async (running) => {
    const { config, settings } = running;
    const read = () => readTimeline(environment.client, settings.queues, config.name, 1, Date.now());
    await until('the training has begun', () => loop.called('trainModel').length > 0);
    const during = (await read())!;
    expect(during.workflow).toMatchObject({
      workflowId: `loop/${config.name}/round-1`,
      status: 'running',
      endedAt: null,
    });
    expect(during.stages.at(-1)).toMatchObject({ stage: 'training', endedAt: null });
    expect(during.activities.at(-1)).toMatchObject({ name: 'trainModel', outcome: 'running', worker: 'test-worker' });
    release();
    await running.handle.result();

    const after = (await read())!;
    expect(after.workflow.status).toBe('completed');
    expect(after.earlierRuns).toBe(0);
    const reward = after.stages.find(({ stage }) => stage === 'reward')!;
    expect(reward.attempts).toBe(reward.activities + 1);
    expect(reward.faults).toEqual(['scoreRewards: no space left']);
    // The first wait before another attempt is half a second.
    expect(after.time.retries).toBeGreaterThan(400);
    expect(after.stages.map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['feedback', 'training', 'tracking']),
    );
    expect(after.activities.every(({ startedAt, endedAt }) => startedAt! <= endedAt!)).toBe(true);
    expect(await readTimeline(environment.client, settings.queues, config.name, 9, Date.now())).toBeNull();
  });
});
