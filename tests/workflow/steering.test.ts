import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createControlActivities } from '../../activities/control.js';
import { pauseSignal, resumeSignal, stopSignal } from '../../workflows/messages.js';
import { temporaryStore } from '../unit/store/rows.js';
import { startEnvironment, until } from './environment.js';
import { withLoop } from './loop-harness.js';
import { MemoryLoop } from './memory-activities.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

it('notes who paused, resumed and stopped a loop and why, a repeated request once', async () => {
  const memory = new MemoryLoop();
  const store = await temporaryStore();
  const activities = () => ({ ...memory.activities(), ...createControlActivities({ store }) });
  await withLoop(environment, { activities }, { minFeedback: 100 }, async ({ handle, status, config }) => {
    await until('the loop waits', async () => (await status()).phase === 'waiting');
    const pause = { id: '1', actor: 'ada', reason: 'labels are being checked' };
    await handle.signal(pauseSignal, pause);
    await handle.signal(pauseSignal, pause);
    await until('it is paused', async () => (await status()).phase === 'paused');
    await handle.signal(resumeSignal, { id: '2', actor: 'ben', reason: '' });
    await until('it waits again', async () => (await status()).phase === 'waiting');
    await handle.signal(stopSignal, { id: '3', actor: 'ada', reason: 'done' });
    await handle.result();
    const audit = await store.query('SELECT loop, actor, action, details::VARCHAR AS details FROM audit ORDER BY key');
    const entry = (action: string, actor: string, reason: string) => ({
      loop: config.name,
      actor,
      action,
      details: JSON.stringify({ reason }),
    });
    expect(audit).toEqual([
      entry('pause', 'ada', pause.reason),
      entry('resume', 'ben', ''),
      entry('stop', 'ada', 'done'),
    ]);
  });
});
