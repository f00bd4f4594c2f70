import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { cancellationSignal } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RatchetError } from '../../config/errors.js';
import { roundWorkflowId, trainingWorkflowId } from '../../workflows/identifiers.js';
import {
  configureSignal,
  feedbackArrivedSignal,
  pauseSignal,
  progressQuery,
  resumeSignal,
  startRoundUpdate,
  stopSignal,
} from '../../workflows/messages.js';
import { startEnvironment, until } from './environment.js';
import { withLoop } from './loop-harness.js';
import { MemoryLoop } from './memory-activities.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const SIMULATED = { simulatedUsers: { requests: 24 }, rounds: 2, components: { curriculum: true } };

describe('W1 the adaptive loop', () => {
  it('W1: runs the nine stages in order, round after round, and returns what became of the model', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, SIMULATED, async ({ handle, config }) => {
      const result = await handle.result();
      expect(result).toMatchObject({ rounds: 2, labels: 20, adapterSha256: memory.champion?.sha256 });
      expect(result.baseline[0]).toMatchObject({ model: 'base', score: 40 });
      expect(result.final[0]).toMatchObject({ model: `${config.name}-round-2`, score: 60 });
      expect(result.results.map(({ round, before, after }) => [round, before.score, after.score])).toEqual([
        [1, 40, 50],
        [2, 50, 60],
      ]);
      const order = memory.calls.filter(({ input }) => (input as { key?: { round: number } }).key?.round === 1);
      expect(
        order.map(({ name, input }) => (name === 'recordStage' ? (input as { table: string }).table : name)),
      ).toEqual([
        'startRound',
        'simulateRequests',
        'answerRequests',
        'simulateFeedback',
        'ingestFeedback',
        'pendingFeedback',
        'scoreRewards',
        'rewards',
        'organizeCurriculum',
        'curriculum',
        'earlierExamples',
        'selectExamples',
        'selections',
        'rejected',
        'augmentExamples',
        'examples',
        'assembleBatches',
        'batches',
        'chooseParameters',
        'planTraining',
        'trainModel',
        'recordTraining',
        'evaluateModel',
        'trackRound',
        'evaluateModel',
        'recordEvaluations',
        'promoteModel',
        'finishRound',
      ]);
    });
  });

  it('W1: one injected failure in every activity ends with the same final hash', async () => {
    const failing = new MemoryLoop({
      before({ name, attempt }) {
        if (attempt === 1) throw new RatchetError('E_INTERNAL', `injected into ${name}`);
      },
    });
    const undisturbed = new MemoryLoop();
    const name = { name: 'same-hash' };
    let results: unknown[] = [];
    for (const memory of [undisturbed, failing]) {
      await withLoop(environment, memory, { ...SIMULATED, ...name, rounds: 1 }, async ({ handle }) => {
        results = [...results, await handle.result()];
      });
    }
    expect(results[1]).toEqual(results[0]);
    expect(failing.hash()).toBe(undisturbed.hash());
    expect(failing.calls.length).toBe(2 * undisturbed.calls.length);
  });

  it('W3: an activity that is done but not reported runs again and leaves the same counts', async () => {
    const repeated = new Set<string>();
    const memory = new MemoryLoop();
    const once = new MemoryLoop();
    const activities = memory.activities();
    memory.activities = () =>
      Object.fromEntries(
        Object.entries(activities).map(([name, activity]) => [
          name,
          async (input: never) => {
            const value = await activity(input);
            const key = `${name}${JSON.stringify(input)}`;
            if (!repeated.has(key)) {
              repeated.add(key);
              throw new RatchetError('E_STORE', 'the answer was lost');
            }
            return value;
          },
        ]),
      ) as never;
    for (const each of [memory, once])
      await withLoop(environment, each, { ...SIMULATED, rounds: 1, name: 'counts' }, ({ handle }) => handle.result());
    expect(memory.hash()).toBe(once.hash());
    expect(memory.events).toEqual(once.events);
    expect([...memory.tables.keys()].sort()).toEqual([...once.tables.keys()].sort());
  });

  it('W1: waits for enough real feedback, starts at once when a signal says so, and stops when asked', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, { minFeedback: 20 }, async ({ handle, status }) => {
      await until('the loop waits', async () => (await status()).phase === 'waiting');
      await handle.signal(feedbackArrivedSignal, memory.addEvents(19));
      await until('it has counted', async () => (await status()).pending === 19);
      expect((await status()).state?.round).toBe(0);
      await handle.signal(feedbackArrivedSignal, memory.addEvents(1));
      await until('a round is done', async () => (await status()).state?.round === 1);
      await until('it waits again', async () => (await status()).phase === 'waiting');
      expect((await status()).state).toMatchObject({ cursor: 20, labels: 10 });
      await handle.signal(stopSignal);
      expect((await handle.result()).rounds).toBe(1);
    });
  });

  it('W1: pause holds the next round back, resume lets it go, startRound does not wait for feedback', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, { minFeedback: 20 }, async ({ handle, status }) => {
      await handle.signal(pauseSignal);
      await until('it is paused', async () => (await status()).phase === 'paused');
      memory.addEvents(25);
      await handle.signal(feedbackArrivedSignal, 25);
      expect((await status()).phase).toBe('paused');
      await handle.signal(resumeSignal);
      await until('a round is done', async () => (await status()).state?.round === 1);
      memory.addEvents(3);
      expect(await handle.executeUpdate(startRoundUpdate)).toBe(2);
      await until('the second is done', async () => (await status()).state?.round === 2);
      const second = (await status()).state?.results[1];
      expect(second).toMatchObject({ round: 2, feedbackEvents: 3, trained: false, reason: '5 of 20 examples' });
      await handle.signal(stopSignal);
      await handle.result();
    });
  });

  it('W1: a new configuration holds from the next round on', async () => {
    const memory = new MemoryLoop();
    await withLoop(environment, memory, { minFeedback: 20 }, async ({ handle, status, config }) => {
      await until('it waits', async () => (await status()).phase === 'waiting');
      const changed = { ...config, components: { ...config.components, augmentation: false } };
      await handle.signal(configureSignal, changed);
      memory.addEvents(20);
      await handle.signal(feedbackArrivedSignal, 20);
      await until('a round is done', async () => (await status()).state?.round === 1);
      expect(memory.called('augmentExamples')[0]?.input).toMatchObject({
        config: { components: { augmentation: false } },
      });
      await handle.signal(stopSignal);
      await handle.result();
    });
  });

  it('W2: a new start of a stopped loop goes on from the state in the store', async () => {
    const memory = new MemoryLoop();
    const name = { name: 'goes-on' };
    await withLoop(environment, memory, { ...SIMULATED, ...name, rounds: 1 }, ({ handle }) => handle.result());
    const first = memory.champion;
    await withLoop(environment, memory, { ...SIMULATED, ...name, rounds: 2 }, async ({ handle }) => {
      const result = await handle.result();
      expect(result.results.map(({ round }) => round)).toEqual([1, 2]);
    });
    expect(memory.called('trainModel')).toHaveLength(2);
    expect(memory.called('trainModel')[1]?.input).toMatchObject({ initialModel: first });
  });

  it('W1: a failure for good pauses the loop with its cause; resume tries the round again', async () => {
    let full = true;
    const memory = new MemoryLoop({
      before({ name }) {
        if (full && name === 'scoreRewards')
          throw new RatchetError('E_DISK_FULL', 'no space left', { hint: 'Free some.', retryable: false });
      },
    });
    await withLoop(environment, memory, { ...SIMULATED, rounds: 1 }, async ({ handle, status }) => {
      await until('it has failed', async () => (await status()).phase === 'failed');
      expect((await status()).error).toEqual({ code: 'E_DISK_FULL', message: 'no space left', hint: 'Free some.' });
      full = false;
      await handle.signal(resumeSignal);
      expect((await handle.result()).rounds).toBe(1);
    });
    expect(memory.called('scoreRewards')).toHaveLength(2);
  });
});

describe('W2 training', () => {
  it('W2: out of memory halves the minibatch and keeps the rows of an update', async () => {
    const memory = new MemoryLoop({ largestBatch: 2 });
    const given = { ...SIMULATED, rounds: 1, training: { batchSize: 8, gradientAccumulationSteps: 2 } };
    await withLoop(environment, memory, given, ({ handle }) => handle.result());
    expect(memory.called('trainModel')).toHaveLength(3);
    expect(memory.trainedWith[0]).toMatchObject({ batchSize: 2, gradientAccumulationSteps: 8 });
  });

  it('W2: out of memory at a minibatch of one is final', async () => {
    const memory = new MemoryLoop({ largestBatch: 0 });
    await withLoop(environment, memory, { ...SIMULATED, rounds: 1 }, async ({ handle, status }) => {
      await until('it has failed', async () => (await status()).phase === 'failed');
      expect((await status()).error?.code).toBe('E_OUT_OF_MEMORY');
      expect(memory.called('trainModel')).toHaveLength(3);
      await handle.signal(stopSignal);
      await handle.result();
    });
  });

  it('W2: cancelling the loop waits until training has saved', async () => {
    const memory = new MemoryLoop({
      async before({ name }) {
        if (name !== 'trainModel') return;
        const signal = cancellationSignal();
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        memory.saved.push('checkpoint');
        throw signal.reason;
      },
    });
    await withLoop(environment, memory, { ...SIMULATED, rounds: 1 }, async ({ handle, config }) => {
      await until('training runs', () => memory.called('trainModel').length === 1);
      const round = environment.client.workflow.getHandle(roundWorkflowId(config.name, 1));
      expect(await round.query(progressQuery)).toMatchObject({ round: 1, stage: 'training', labels: 10 });
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      expect(memory.saved).toEqual(['checkpoint']);
      const training = environment.client.workflow.getHandle(trainingWorkflowId(config.name, 1));
      expect((await training.describe()).status.name).toBe('CANCELLED');
    });
  });

  it('W2: training that falls silent is started again after the heartbeat timeout', async () => {
    const memory = new MemoryLoop({
      async before({ name, attempt }) {
        // A blocked event loop sends no heartbeats, as a killed process does not.
        if (name === 'trainModel' && attempt === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
        if (name === 'trainModel' && attempt === 1) throw ApplicationFailure.nonRetryable('too late to count');
      },
    });
    await withLoop(environment, memory, { ...SIMULATED, rounds: 1 }, async ({ handle }) => {
      expect((await handle.result()).rounds).toBe(1);
      expect(memory.called('trainModel').map(({ attempt }) => attempt)).toEqual([1, 2]);
    });
  });
});
