import { cancellationSignal } from '@temporalio/activity';
import { ScheduleNotFoundError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Schedule } from '../../config/schedule.js';
import { RatchetError } from '../../config/errors.js';
import { RatchetConfig } from '../../config/schema.js';
import { createSchedule, scheduleId, syncSchedules } from '../../workers/schedules.js';
import { pauseSignal, resumeSignal, roundDueSignal, stopSignal } from '../../workflows/messages.js';
import { startEnvironment, until } from './environment.js';
import { withLoop, type RunningLoop } from './loop-harness.js';
import { MemoryLoop } from './memory-activities.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const sync = (schedules: object[], taskQueue = 'loop') =>
  syncSchedules(environment.client, RatchetConfig.parse({ schedules, taskQueues: { loop: taskQueue } }));
const describeSchedule = (name: string) => environment.client.schedule.getHandle(scheduleId(name)).describe();

async function resultsOf(name: string): Promise<unknown[]> {
  const { info } = await describeSchedule(name);
  const ids = info.recentActions.flatMap(({ action }) => (action.type === 'startWorkflow' ? [action.workflow] : []));
  return await Promise.all(
    ids.map(({ workflowId, firstExecutionRunId }) =>
      environment.client.workflow.getHandle(workflowId, firstExecutionRunId).result(),
    ),
  );
}

const queueOf = ({ settings }: RunningLoop) => settings.queues.store.replace('store', 'loop');

describe('W2 schedules', () => {
  it('W2: a schedule fires, and starts a round with less feedback than the loop itself waits for', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, { minFeedback: 100 }, async (loop) => {
      await until('the loop waits', async () => (await loop.status()).phase === 'waiting');
      memory.addEvents(20);
      await sync([{ name: 'each-second', loop: loop.config.name, everySeconds: 1, minFeedback: 5 }], queueOf(loop));
      await until('the round is done', async () => (await loop.status()).state?.round === 1);
      await until('a later check has found too little', async () => (await resultsOf('each-second')).length >= 2);
      expect((await resultsOf('each-second')).slice(0, 2)).toEqual(['round 1 is done', '0 new events are too few']);
      await sync([]);
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });

  it('W2: a check that falls into a running one is skipped', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, { minFeedback: 100 }, async (loop) => {
      await loop.handle.signal(pauseSignal);
      await until('the loop is paused', async () => (await loop.status()).phase === 'paused');
      await sync([{ name: 'busy', loop: loop.config.name, everySeconds: 1 }], queueOf(loop));
      await until(
        'two checks were skipped',
        async () => (await describeSchedule('busy')).info.numActionsSkippedOverlap >= 2,
      );
      expect((await describeSchedule('busy')).info.numActionsTaken).toBe(1);
      await loop.handle.signal(resumeSignal);
      await until('checks go on', async () => (await describeSchedule('busy')).info.numActionsTaken >= 2);
      await sync([]);
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });

  it('W2: a check of a loop that does not run says so', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, { minFeedback: 100 }, async (loop) => {
      await sync([{ name: 'nobody', loop: 'nobody', cron: '0 0 1 1 *' }], queueOf(loop));
      await environment.client.schedule.getHandle(scheduleId('nobody')).trigger();
      await until('it was checked', async () => (await describeSchedule('nobody')).info.recentActions.length === 1);
      expect(await resultsOf('nobody')).toEqual(['the loop nobody does not run']);
      await sync([]);
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });

  it('W2: a check is answered also when its loop is ended at once, and the next one is not skipped', async () => {
    const memory = new MemoryLoop({
      async before({ name }) {
        if (name !== 'trainModel') return;
        const signal = cancellationSignal();
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        throw signal.reason;
      },
    });
    await withLoop(environment, memory, { minFeedback: 100 }, async (loop) => {
      await until('the loop waits', async () => (await loop.status()).phase === 'waiting');
      memory.addEvents(20);
      await sync([{ name: 'ended', loop: loop.config.name, everySeconds: 1, minFeedback: 5 }], queueOf(loop));
      await until('training runs', () => memory.called('trainModel').length === 1);
      await loop.handle.cancel();
      await expect(loop.handle.result()).rejects.toThrow('Workflow execution cancelled');
      await until('checks go on', async () => (await describeSchedule('ended')).info.numActionsTaken >= 2);
      await sync([{ name: 'ended', loop: loop.config.name, everySeconds: 1, paused: true }], queueOf(loop));
      expect((await resultsOf('ended')).slice(0, 2)).toEqual([
        'the loop has ended',
        `the loop ${loop.config.name} does not run`,
      ]);
      await sync([]);
    });
  });

  it('W2: a check is answered by a loop that is stopped before its first round, or is about to end', async () => {
    const fault = new RatchetError('E_DISK_FULL', 'no space left', { retryable: false });
    const failing = new MemoryLoop({
      before({ name }) {
        if (name === 'evaluateModel') throw fault;
      },
    });
    const phases = [
      [failing, 'failed'],
      [new MemoryLoop(), 'finished'],
    ] as const;
    for (const [memory, phase] of phases) {
      let release = () => {};
      const noted = new Promise<void>((resolve) => (release = resolve));
      const activities = () => ({ ...memory.activities(), recordSteering: () => noted });
      await withLoop(environment, { activities }, { minFeedback: 100 }, async (loop) => {
        const stop = () => loop.handle.signal(stopSignal, { id: '1', actor: 'ada', reason: '' });
        if (phase === 'finished') await stop();
        await until(`the loop is ${phase}`, async () => (await loop.status()).phase === phase);
        const schedule = Schedule.parse({ name: phase, loop: loop.config.name, cron: '0 0 1 1 *' });
        await createSchedule(environment.client, schedule, { loop: queueOf(loop), store: '' });
        const handle = environment.client.schedule.getHandle(scheduleId(phase));
        await handle.trigger();
        await until('the check asks', async () => {
          const { events } = await loop.handle.fetchHistory();
          return events!.some(
            (each) => each.workflowExecutionSignaledEventAttributes?.signalName === roundDueSignal.name,
          );
        });
        if (phase === 'failed') await stop();
        release();
        await loop.handle.result();
        expect(await resultsOf(phase)).toEqual(['the loop has ended']);
        await handle.delete();
      });
    }
  });

  it('W2: follows the configuration: creates, updates, pauses, deletes', async () => {
    await sync([
      { name: 'nightly', cron: '0 3 * * *', jitterSeconds: 60, catchUpWindowSeconds: 600 },
      { name: 'other', everySeconds: 3600 },
    ]);
    const created = await describeSchedule('nightly');
    expect(created.policies).toEqual({ overlap: 'SKIP', catchupWindow: 600_000, pauseOnFailure: false });
    expect(created.spec.jitter).toBe(60_000);
    await sync([{ name: 'nightly', everySeconds: 7200, paused: true }]);
    const updated = await describeSchedule('nightly');
    expect(updated.state.paused).toBe(true);
    expect(updated.spec.intervals).toMatchObject([{ every: 7_200_000 }]);
    await expect(describeSchedule('other')).rejects.toThrow(ScheduleNotFoundError);
    await sync([]);
    await expect(describeSchedule('nightly')).rejects.toThrow(ScheduleNotFoundError);
  });

  it('W2: a schedule that a command made outlives a start whose configuration does not name it', async () => {
    const queues = RatchetConfig.parse({}).taskQueues;
    await createSchedule(environment.client, Schedule.parse({ name: 'by-hand', cron: '@daily' }), queues);
    await until('it is listed', async () => {
      for await (const { scheduleId: id } of environment.client.schedule.list())
        if (id === scheduleId('by-hand')) return true;
      return false;
    });
    await sync([]);
    expect((await describeSchedule('by-hand')).action).toMatchObject({ memo: { schedule: { name: 'by-hand' } } });
    await environment.client.schedule.getHandle(scheduleId('by-hand')).delete();
  });

  it('W2: asks for its conditions first, and starts no round while one does not hold', async () => {
    const memory = new MemoryLoop();
    const asked: unknown[] = [];
    const obstacle = 'too late in the evening';
    const findObstacle = async (conditions: unknown) => asked.push(conditions) > 0 && obstacle;
    const activities = () => ({ ...memory.activities(), findObstacle });
    await withLoop(environment, { activities }, { minFeedback: 100 }, async (loop) => {
      await until('the loop waits', async () => (await loop.status()).phase === 'waiting');
      memory.addEvents(20);
      const name = 'conditional';
      const schedule = {
        name,
        loop: loop.config.name,
        cron: '0 0 1 1 *',
        quietHours: '22:00-07:00',
        maxRoundsPerDay: 2,
      };
      await createSchedule(environment.client, Schedule.parse(schedule), {
        loop: queueOf(loop),
        store: loop.settings.queues.store,
      });
      const handle = environment.client.schedule.getHandle(scheduleId(name));
      await handle.trigger();
      await until('it was checked', async () => (await handle.describe()).info.recentActions.length === 1);
      expect(await resultsOf(name)).toEqual([obstacle]);
      const { quietHours, maxRoundsPerDay } = schedule;
      expect(asked).toEqual([{ loop: loop.config.name, timeZone: 'UTC', quietHours, maxRoundsPerDay }]);
      expect((await loop.status()).state?.round).toBe(0);
      await handle.delete();
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });
});
