import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { workflowFault } from '../../apps/cli/workflow-fault.js';
import { createControlActivities, type Destination } from '../../activities/control.js';
import { roundWorkflowId } from '../../workflows/identifiers.js';
import {
  decidePromotionUpdate,
  feedbackArrivedSignal,
  progressQuery,
  resumeSignal,
  steerUpdate,
  stopSignal,
} from '../../workflows/messages.js';
import { recordHistory } from '../replay/histories.js';
import { startEnvironment, until, workflowBundle } from './environment.js';
import { feedbackEvents } from './feedback-events.js';
import { withLoop, type RunningLoop } from './loop-harness.js';
import { RealLoop } from './real-loop.js';
import type { Script } from './scripted-engine.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const SMALL = { batching: { min: 1 }, training: { numEpochs: 1 }, minFeedback: 30 };
const roundOf = (folder: string) => Number(/round-(\d+)/.exec(folder)![1]);

async function controlledLoop(script: Script): Promise<RealLoop> {
  const loop = await RealLoop.open({ skillOf: ({ outputDir }) => 0.4 + roundOf(outputDir) / 10, ...script });
  const activities = loop.activities.bind(loop);
  loop.activities = () => ({ ...activities(), ...createControlActivities(loop) });
  return loop;
}

function steering({ handle, status, config: { name } }: RunningLoop, { store }: RealLoop) {
  let fed = 0;
  return {
    async feed() {
      const { lastSeq } = await store.appendFeedback(name, feedbackEvents(name, 60, `batch-${(fed += 1)}`, 80));
      await handle.signal(feedbackArrivedSignal, lastSeq);
    },
    finished: (round: number) =>
      until(`round ${round} is done`, async () => (await status()).state?.round === round, 100_000),
    ask(destination: Destination, id: string = randomUUID()) {
      const request = { id, actor: 'ada', reason: 'to see', destination };
      return handle.executeUpdate(steerUpdate, { args: [request] }).catch((error: unknown) => {
        throw workflowFault(error);
      });
    },
    audit: async () =>
      (await store.audit(name)).filter(({ actor }) => actor !== 'loop').map(({ action, subject }) => [action, subject]),
  };
}

/** Replays every run of a workflow, and keeps the one with most events where histories are recorded. */
async function expectReplay(id: string, name: string): Promise<void> {
  const { client } = environment;
  const histories: Awaited<ReturnType<WorkflowHandle['fetchHistory']>>[] = [];
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = "${id}"` }))
    histories.push(await client.workflow.getHandle(id, runId).fetchHistory());
  for (const history of histories) await Worker.runReplayHistory({ workflowBundle }, history, id);
  recordHistory(name, histories.toSorted((a, b) => b.events!.length - a.events!.length)[0]);
}

describe('W1 going back', () => {
  it('W1: after a reset the next round begins where the earlier one ended, and learns nothing from what is superseded', async () => {
    const real = await controlledLoop({});
    await withLoop(environment, real, SMALL, async (loop) => {
      const { feed, finished, ask, audit } = steering(loop, real);
      const { name } = loop.config;
      for (const round of [1, 2, 3]) {
        await feed();
        await finished(round);
      }
      const first = (await real.store.stateAfter(name, 1)) as object;
      const id = randomUUID();
      const outcome = await ask({ kind: 'reset', round: 1 }, id);
      expect(outcome).toEqual({ superseded: [2, 3], nextRound: 4, champion: `${name}-round-1` });
      expect(await ask({ kind: 'reset', round: 1 }, id)).toEqual(outcome);
      await finished(4);
      const { state, round } = await loop.status();
      expect(round).toBe(5);
      expect(state!.results.map((result) => result.round)).toEqual([1, 4]);
      const [row] = await real.store.query('SELECT after_seq FROM rounds WHERE loop = $1 AND round = 4', [name]);
      expect(row!['after_seq']).toBe((first as { cursor: number }).cursor);
      const versions = await real.store.modelVersions(name);
      expect(versions.find((version) => version.round === 4)?.parentId).toBe(`${name}-round-1`);
      const learned = new Set((await real.store.allExamples(name, 4)).map((example) => example.round));
      expect([...learned].sort()).toEqual([1, 4]);
      expect(await audit()).toEqual([['reset', 'round 1']]);
      await expectReplay(loop.handle.workflowId, 'run-adaptive-loop.reset');
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });

  it('W1: a running round is given up by a rollback, and by nothing that is refused', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const training: number[] = [];
    const real = await controlledLoop({
      async beforeEpoch({ outputDir }) {
        training.push(roundOf(outputDir));
        if (roundOf(outputDir) === 2) await held;
      },
    });
    onTestFinished(release);
    await withLoop(environment, real, SMALL, async (loop) => {
      const { feed, finished, ask, audit } = steering(loop, real);
      const { name } = loop.config;
      await feed();
      await finished(1);
      await feed();
      await until('round 2 trains', () => training.includes(2));
      await expect(ask({ kind: 'rollback', model: 'nobody' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
      await expect(ask({ kind: 'reset', round: 2 })).rejects.toMatchObject({
        code: 'E_USAGE',
        hint: 'Name a round from 0 to 1, or a model version.',
      });
      expect(await loop.status()).toMatchObject({ phase: 'running', round: 2 });
      const outcome = await ask({ kind: 'rollback', model: 'base' });
      expect(outcome).toEqual({ superseded: [2], nextRound: 3, champion: null });
      release();
      await finished(3);
      const versions = await real.store.modelVersions(name);
      expect(versions.map(({ round, parentId }) => [round, parentId])).toEqual([
        [1, undefined],
        [3, undefined],
      ]);
      expect(await audit()).toEqual([['rollback', 'base']]);
      await expectReplay(loop.handle.workflowId, 'run-adaptive-loop.rollback');
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });

  it('W1: a loop that has failed goes on from a reset', async () => {
    let broken = true;
    const real = await controlledLoop({
      beforeEpoch({ outputDir }) {
        if (broken && roundOf(outputDir) === 2) throw new TypeError('this round cannot be trained');
      },
    });
    await withLoop(environment, real, SMALL, async (loop) => {
      const { feed, finished, ask } = steering(loop, real);
      await feed();
      await finished(1);
      await feed();
      await until('round 2 has failed', async () => (await loop.status()).phase === 'failed', 100_000);
      broken = false;
      expect(await ask({ kind: 'reset', round: 0 })).toEqual({ superseded: [1, 2], nextRound: 3, champion: null });
      await finished(3);
      expect((await loop.status()).error).toBeNull();
      await loop.handle.signal(stopSignal);
      await loop.handle.result();
    });
  });
});

it('W1: a failed round that is tried again is the same round, whatever feedback has come meanwhile', async () => {
  const hashes: Record<string, string>[] = [];
  for (const fails of [false, true]) {
    let broken = fails;
    const real = await controlledLoop({});
    const activities = real.activities.bind(real);
    real.activities = () => {
      const { evaluateModel, ...others } = activities();
      const evaluate: typeof evaluateModel = async (input) => {
        if (broken && input.key.round === 2) throw new TypeError('this model cannot be evaluated');
        return await evaluateModel(input);
      };
      return { ...others, evaluateModel: evaluate };
    };
    await withLoop(environment, real, { ...SMALL, name: 'tried-again', rounds: 3 }, async (loop) => {
      const { feed, finished } = steering(loop, real);
      await feed();
      await finished(1);
      await feed();
      if (fails) {
        await until('round 2 has failed', async () => (await loop.status()).phase === 'failed', 100_000);
        await feed();
        broken = false;
        await loop.handle.signal(resumeSignal);
      } else {
        await finished(2);
        await feed();
      }
      await loop.handle.result();
    });
    expect(await real.store.rounds('tried-again')).toMatchObject([
      {},
      { afterSeq: 0, uptoSeq: 60 },
      { afterSeq: 60, uptoSeq: 120 },
      { afterSeq: 120, uptoSeq: 180 },
    ]);
    hashes.push(await real.store.contentHashes());
  }
  expect(hashes[1]).toEqual(hashes[0]);
});

describe('W1 approval of promotions', () => {
  const approving = { ...SMALL, simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 40 } };

  it('W1: a better model waits for an answer; a no keeps the champion, a yes does not', async () => {
    const real = await controlledLoop({});
    await withLoop(environment, real, { ...approving, rounds: 2, tracking: { approval: true } }, async (loop) => {
      const { name } = loop.config;
      const answer = async (round: number, approve: boolean) => {
        const handle = environment.client.workflow.getHandle(roundWorkflowId(name, round));
        const waits = async () => {
          if ((await loop.status()).round !== round || (await loop.status()).phase !== 'running') return false;
          return (await handle.query(progressQuery).catch(() => null))?.approval !== undefined;
        };
        const decision = { id: `answer-${round}`, actor: 'ada', reason: 'looked at ten answers', approve };
        const decide = () => handle.executeUpdate(decidePromotionUpdate, { args: [decision], updateId: decision.id });
        await until(`round ${round} waits for approval`, waits, 100_000);
        expect(await decide()).toBe(`${name}-round-${round}`);
        expect(await decide()).toBe(`${name}-round-${round}`);
      };
      await answer(1, false);
      await answer(2, true);
      const { results, adapterSha256 } = await loop.handle.result();
      expect(results.map(({ promoted }) => promoted)).toEqual([false, true]);
      expect(results[0]!.reason).toMatch(/^validation score .*; denied by ada: looked at ten answers$/);
      expect(results[1]!.reason).toMatch(/; approved by ada: looked at ten answers$/);
      expect((await real.store.champion(name))?.sha256).toBe(adapterSha256);
      expect(await steering(loop, real).audit()).toEqual([
        ['deny', `${name}-round-1`],
        ['approve', `${name}-round-2`],
      ]);
      const again = environment.client.workflow
        .getHandle(roundWorkflowId(name, 2))
        .executeUpdate(decidePromotionUpdate, { args: [{ id: 'late', actor: 'ben', reason: '', approve: false }] });
      await expect(again).rejects.toThrow(/already completed/);
      await expectReplay(roundWorkflowId(name, 1), 'run-round.approval');
    });
  });

  it('W1: without an answer in time the champion stays', async () => {
    const real = await controlledLoop({});
    const tracking = { approval: true, approvalTimeoutHours: 1 / 3600 };
    await withLoop(environment, real, { ...approving, rounds: 1, tracking }, async (loop) => {
      const { results, adapterSha256 } = await loop.handle.result();
      expect(results[0]).toMatchObject({ trained: true, promoted: false });
      expect(results[0]!.reason).toMatch(/; not approved: nobody answered within [\d.]+ h$/);
      expect(adapterSha256).toBeNull();
      const actions = (await real.store.audit(loop.config.name)).map(({ action }) => action);
      expect(actions).toEqual(['approvalExpired']);
    });
  });
});

it('W1: who ends a loop at once is noted, and what asks for less is checked', async () => {
  const real = await controlledLoop({});
  await withLoop(environment, real, SMALL, async (loop) => {
    const { ask } = steering(loop, real);
    await until('the loop waits', async () => (await loop.status()).phase === 'waiting');
    await expect(ask({ kind: 'rollback', model: '' })).rejects.toMatchObject({ code: 'E_USAGE' });
    await loop.handle.signal(resumeSignal);
    await loop.handle.signal(stopSignal, { id: 'stop-1', actor: 'ada', reason: 'fire drill', now: true });
    await loop.handle.cancel();
    await expect(loop.handle.result()).rejects.toThrow('Workflow execution cancelled');
    expect(await real.store.audit(loop.config.name)).toMatchObject([
      { action: 'stop', actor: 'ada', details: { reason: 'fire drill', now: true } },
    ]);
  });
});
