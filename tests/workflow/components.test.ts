import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/load.js';
import { loadFeedback } from '../../datasets/index.js';
import { levenshteinSimilarity } from '../../learning/metrics/levenshtein.js';
import { scoreBucketRewards } from '../../learning/reward/bucket-rewards.js';
import {
  feedbackArrivedSignal,
  setComponentsUpdate,
  startRoundUpdate,
  stopSignal,
  type ComponentsRequest,
} from '../../workflows/messages.js';
import type { reportStatistics } from '../../workflows/report-statistics.js';
import { startEnvironment, until } from './environment.js';
import { feedbackEvents } from './feedback-events.js';
import { withLoop } from './loop-harness.js';
import { RealLoop } from './real-loop.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const OFF = {
  curriculum: false,
  activeLearning: false,
  augmentation: false,
  hardNegativeMining: false,
  tuning: false,
  tracking: false,
  preferenceLearning: false,
};
const SMALL = {
  rounds: 1,
  simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 12 },
  batching: { min: 1 },
  training: { numEpochs: 2 },
  tuning: { trials: 2, space: { numEpochs: [1, 2] as [number, number] } },
  preference: { inputs: 12, samples: 3, minimumPairs: 1 },
};

describe('components', () => {
  it.each(['nothing', ...Object.keys(OFF)])('R11: with only %s on, only its rows are in the store', async (name) => {
    const loop = await RealLoop.open();
    // Tuning needs validation rows, which tracking keeps apart.
    const names = name === 'nothing' ? [] : name === 'tuning' ? ['tracking', 'tuning'] : [name];
    const on = Object.fromEntries(names.map((each) => [each, true]));
    const given = { ...SMALL, components: { ...OFF, ...on } };
    await withLoop(environment, loop, given, async ({ handle }) => {
      expect((await handle.result()).results[0]?.trained).toBe(true);
    });
    expect(await loop.traces()).toEqual(names);
  });

  it('N3: components are switched between rounds, from the next one on, and the audit says who and why', async () => {
    const loop = await RealLoop.open();
    const { rounds: _rounds, simulatedUsers: _users, ...given } = SMALL;
    await withLoop(environment, loop, { ...given, components: OFF }, async ({ handle, status, config }) => {
      const feed = async (purpose: string, round: number) => {
        const { lastSeq } = await loop.store.appendFeedback(config.name, feedbackEvents(config.name, 40, purpose));
        await handle.signal(feedbackArrivedSignal, lastSeq);
        await until(
          `round ${round} is done`,
          async () => {
            const { state, error } = await status();
            expect(error).toBeNull();
            return state?.round === round;
          },
          100_000,
        );
      };
      const set = (request: ComponentsRequest) => handle.executeUpdate(setComponentsUpdate, { args: [request] });
      await feed('first', 1);
      expect(await loop.traces()).toEqual([]);

      const week1 = { curriculum: true, hardNegativeMining: true };
      expect(await set({ components: week1, actor: 'ada', reason: 'week 1' })).toBe(2);
      expect((await status()).components).toMatchObject({ ...week1, augmentation: false });
      await feed('second', 2);
      expect(await loop.traces()).toEqual(['curriculum', 'hardNegativeMining']);
      expect((await loop.store.rounds(config.name))[2]).toMatchObject({ curriculumStage: 'easy' });

      expect(await set({ components: { hardNegativeMining: false }, actor: 'bob', reason: '' })).toBe(3);
      await feed('third', 3);
      const rows = await loop.store.query('SELECT round, component FROM component_traces ORDER BY round, component');
      expect(rows).toEqual([
        { round: 2, component: 'curriculum' },
        { round: 2, component: 'hardNegativeMining' },
        { round: 3, component: 'curriculum' },
      ]);
      const audit = await loop.store.query(
        "SELECT actor, details, recorded_at FROM audit WHERE action = 'setComponents' ORDER BY recorded_at",
      );
      expect(audit.map(({ actor, details }) => [actor, JSON.parse(details as string)])).toEqual([
        ['ada', { components: week1, fromRound: 2, reason: 'week 1' }],
        ['bob', { components: { hardNegativeMining: false }, fromRound: 3, reason: '' }],
      ]);
      expect(audit[0]?.recorded_at).toMatch(/^\d{4}-\d\d-\d\dT/);

      for (const components of [{}, { curriculums: true }, { curriculum: 'yes' }])
        await expect(set({ components: components as never, actor: 'eve', reason: '' })).rejects.toThrow(
          'Workflow Update failed',
        );
      expect(await loop.store.query("SELECT count(*) AS n FROM audit WHERE actor = 'eve'")).toEqual([{ n: 0 }]);
      await handle.signal(stopSignal);
      await handle.result();
    });
  });

  it('R12: the statistics equal the counts of the tables', async () => {
    const loop = await RealLoop.open();
    await withLoop(environment, loop, SMALL, async ({ handle, config, settings }) => {
      await handle.result();
      const statistics = await environment.client.workflow.execute<typeof reportStatistics>('reportStatistics', {
        taskQueue: settings.queues.store.replace('store', 'loop'),
        workflowId: `statistics-${config.name}`,
        args: [{ loop: config.name, settings }],
      });
      const counts = await loop.store.tableCounts();
      const [state] = await loop.store.query('SELECT stage FROM curriculum_states ORDER BY round DESC LIMIT 1');
      expect(statistics).toEqual({
        feedback_events: counts.feedback_events,
        training_batches: counts.batches,
        curriculum: { current_stage: state?.stage },
      });
      expect([counts.feedback_events, counts.batches! > 0]).toEqual([60, true]);
    });
  });
});

describe('presets', () => {
  it('R13: one file of feedback goes through the first version of the loop and through the second', async () => {
    const outcomes: Record<string, unknown>[] = [];
    const events = feedbackEvents('any', 240, 'one-file');
    for (const preset of ['v1', 'v2']) {
      const loop = await RealLoop.open();
      const file = path.join(loop.dataFolder, 'feedback.jsonl');
      writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
      const { config } = await loadConfig({ env: {}, overrides: { 'loop.preset': preset, 'loop.name': preset } });
      const { name: _name, ...settings } = config.loop;
      const given = { ...settings, selection: { ...settings.selection, budget: 200 }, rounds: 1 };
      await withLoop(environment, loop, given, async ({ handle, config: { name } }) => {
        const report = await loadFeedback(file, {
          async onEvents(rows) {
            await loop.store.appendFeedback(name, rows, 'feedback.jsonl');
          },
          async onRejected(rows) {
            await loop.store.rejectRows(rows);
          },
        });
        expect(report).toMatchObject({ read: 240, rejected: 0 });
        await handle.executeUpdate(startRoundUpdate);
        const { results } = await handle.result();
        const [reward] = await loop.store.rewards(name, 1);
        const [bucket] = scoreBucketRewards(events.slice(0, 1), levenshteinSimilarity);
        const batches = await loop.store.batches(name, 1);
        outcomes.push({
          preset,
          trained: results[0]!.trained,
          promoted: results[0]!.promoted,
          events: results[0]!.feedbackEvents,
          discrete: reward!.reward === bucket!.reward,
          fixedBatches: batches.every((batch) => batch.size <= 50 && batch.available >= 50),
          traces: await loop.traces(),
          heldOut: (await loop.store.allExamples(name, 1)).filter((row) => row.split === 'validation').length,
        });
      });
    }
    expect(outcomes).toEqual([
      {
        preset: 'v1',
        trained: true,
        promoted: true,
        events: 240,
        discrete: true,
        fixedBatches: true,
        traces: [],
        heldOut: 0,
      },
      {
        preset: 'v2',
        trained: true,
        promoted: true,
        events: 240,
        discrete: false,
        fixedBatches: expect.any(Boolean),
        traces: ['activeLearning', 'augmentation', 'tracking'],
        heldOut: 0,
      },
    ]);
  });
});
