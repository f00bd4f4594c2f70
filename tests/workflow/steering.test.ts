import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createControlActivities } from '../../activities/control.js';
import { RatchetError } from '../../config/errors.js';
import { feedbackArrivedSignal, pauseSignal, resumeSignal, steerUpdate, stopSignal } from '../../workflows/messages.js';
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

/** A loop whose rounds fail for good until they are mended. */
function failingLoop(): { memory: MemoryLoop; mend: () => void } {
  let full = true;
  const memory = new MemoryLoop({
    before({ name }) {
      if (full && name === 'scoreRewards') throw new RatchetError('E_DISK_FULL', 'no space left', { retryable: false });
    },
  });
  return { memory, mend: () => void (full = false) };
}

it('W1: a request that is refused does not have a failed loop try its round again', async () => {
  const { memory, mend } = failingLoop();
  const store = await temporaryStore();
  const activities = () => ({ ...memory.activities(), ...createControlActivities({ store }) });
  const given = { simulatedUsers: { requests: 24 }, rounds: 1 };
  await withLoop(environment, { activities }, given, async ({ handle, status }) => {
    await until('it has failed', async () => (await status()).phase === 'failed');
    const destination = { kind: 'rollback', model: 'typo' } as const;
    const request = { id: '1', actor: 'ada', reason: 'to see', destination };
    for (const id of ['1', '2']) {
      const asked = handle.executeUpdate(steerUpdate, { args: [{ ...request, id }] });
      await expect(asked).rejects.toThrow('Workflow Update failed');
      expect(await status()).toMatchObject({ phase: 'failed', error: { code: 'E_DISK_FULL' } });
    }
    mend();
    await handle.signal(resumeSignal);
    expect((await handle.result()).rounds).toBe(1);
    expect(memory.called('scoreRewards')).toHaveLength(2);
  });
});

it('W1: a loop that is paused or has failed takes any number of signals: it continues as new as what it is', async () => {
  const patient = await startEnvironment('limit.historyCount.suggestContinueAsNew=100');
  onTestFinished(() => patient.teardown());
  const { memory, mend } = failingLoop();
  await withLoop(patient, memory, { minFeedback: 20 }, async ({ handle, status }) => {
    const currentRun = async () => (await handle.describe()).runId;
    const signalUntilNew = async (phase: string) => {
      await until(`it is ${phase}`, async () => (await status()).phase === phase);
      const run = await currentRun();
      await until('it has continued as new', async () => {
        await handle.signal(feedbackArrivedSignal, 0);
        return (await currentRun()) !== run;
      });
      expect(await status()).toMatchObject({ phase });
    };
    await handle.signal(pauseSignal);
    await signalUntilNew('paused');
    memory.addEvents(25);
    await handle.signal(resumeSignal);
    await signalUntilNew('failed');
    await signalUntilNew('failed');
    expect((await status()).error).toMatchObject({ code: 'E_DISK_FULL', message: 'no space left' });
    expect(memory.called('scoreRewards')).toHaveLength(1);
    mend();
    await handle.signal(resumeSignal);
    await until('the round is done', async () => (await status()).state?.round === 1);
    expect(await status()).toMatchObject({ error: null, state: { cursor: 25 } });
    await handle.signal(stopSignal);
    await handle.result();
  });
});
