import * as fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainingRunRow } from '../../store/types.js';
import { Store } from '../../store/store.js';
import { batch, evaluation, event, example, reward } from '../unit/store/rows.js';

type Write = (store: Store) => Promise<unknown>;

const run: TrainingRunRow = { id: 'run-1', loop: 'main', round: 1, kind: 'round', status: 'running', seed: 1 };
const step = (number: number) => ({
  step: number,
  totalSteps: 4,
  loss: 3 / number,
  gradientNorm: 1,
  learningRate: 1e-3,
  tokens: 100,
  milliseconds: 5,
});
const version = (id: string, champion: boolean) => ({
  id,
  loop: 'main',
  round: 1,
  path: id,
  sha256: id,
  runId: 'run-1',
  champion,
});

/** Everything a round writes. Inside a chain each write happens after the one before it; chains are independent. */
const CHAINS: Write[][] = [
  [
    (store) => store.appendFeedback('main', [event(1), event(2)]),
    (store) => store.appendFeedback('main', [event(2), event(3), event(1, { ai_output: 'other' })]),
    (store) => store.applyOnce('loop/main', 'import-1', () => store.appendFeedback('main', [event(4)])),
  ],
  [
    (store) => store.startRound('main', 1, { configHash: 'c', config: { seed: 1 }, afterSeq: 0, uptoSeq: 4 }),
    (store) => store.finishRound('main', 1, { score: 70, labels: 2, summary: { a: [1] } }),
    (store) => store.startRound('main', 2),
    (store) => store.finishRound('main', 2, { status: 'failed', reason: 'out of memory' }),
  ],
  [
    (store) => store.recordTrainingRun(run),
    (store) => store.recordSteps('run-1', [step(1), step(2)]),
    (store) => store.recordCheckpoint({ runId: 'run-1', step: 2, path: 'c', sha256: 's' }),
    (store) => store.recordSteps('run-1', [step(2), step(3), step(4)]),
    (store) => store.recordTrainingRun({ ...run, status: 'completed', steps: 4, trainLoss: 0.75, resumedFrom: 2 }),
    (store) => store.recordModelVersion(version('v1', true)),
    (store) => store.recordModelVersion(version('v2', false)),
    (store) => store.applyOnce('loop/main', 'promote-1', () => store.setChampion('main', 'v2', 'better')),
  ],
  [(store) => store.rejectRows([{ source: 'a', line: 1, field: 'id', reason: 'empty', raw: '{}' }])],
  [(store) => store.recordRewards('main', 1, [reward('event-1'), reward('event-2', { reward: -0.25 })])],
  [
    (store) =>
      store.recordCurriculum('main', 1, [
        { eventId: 'event-1', artifactType: 'erd', difficulty: 0.1, band: 'easy', admitted: true },
      ]),
  ],
  [
    (store) => store.recordCurriculumState('main', 1, { stage: 'easy', streak: 1, history: [] }),
    (store) => store.recordCurriculumState('main', 2, { stage: 'medium', streak: 0, history: [] }),
  ],
  [
    (store) =>
      store.recordSelections('main', 1, [
        {
          eventId: 'event-1',
          artifactType: 'erd',
          rank: 1,
          selected: true,
          uncertainty: 1,
          diversity: 0,
          quality: 1,
          score: 0.7,
        },
      ]),
  ],
  [(store) => store.recordExamples('main', 1, [example('x1', 'event-1'), example('x2', 'event-2')])],
  [(store) => store.recordBatches('main', 1, [batch('b1', ['x1', 'x2'])])],
  [
    (store) =>
      store.recordTrials('main', 1, [
        { id: 't1', artifactType: 'erd', number: 0, state: 'complete', parameters: { loraRank: 8 }, objective: 0.5 },
      ]),
  ],
  [
    (store) => store.recordLabelYields('main', 1, [{ eventId: 'event-1', slice: 'random', yield: 0.5 }]),
    (store) => store.recordFallback('main', 1, { mode: 'trial', rounds: 1, gains: [0.25] }),
    (store) => store.saveStudy('main', 1, { sampler: 'default', pruner: 'none', queue: [], study: { trials: [] } }),
  ],
  [
    (store) =>
      store.recordPromotion('main', 1, {
        challenger: 'v1',
        champion: 'base',
        decision: 'keep',
        pairs: 4,
        meanGain: 0.5,
        eValue: 1.5,
        pValue: 0.7,
      }),
    (store) =>
      store.recordChampionWatch('main', 2, {
        champion: 'v1',
        former: 'base',
        verdict: 'open',
        pairs: 3,
        meanDifference: -1,
      }),
  ],
  [
    (store) => store.recordSources('main', 1, [{ source: 'ada', trust: 0.5, compared: 0, suspect: false }]),
    (store) =>
      store.recordPreferences('main', 1, [
        {
          id: 'p1',
          prompt: 'a',
          chosen: 'b',
          rejected: 'c',
          artifactType: 'erd',
          source: 'edit',
          margin: 0.5,
          eventIds: ['event-1'],
        },
      ]),
  ],
  [
    (store) =>
      store.applyOnce('loop/other', 'steer-1', () => store.recordSteeredState('other', 'request-1', { round: 1 })),
  ],
  [(store) => store.recordEvaluations([evaluation('e1', 'v1'), evaluation('e2', 'base')])],
  [(store) => store.recordAudit({ loop: 'main', actor: 'user', action: 'pause', subject: 'main' })],
];
const TOTAL = CHAINS.reduce((sum, chain) => sum + chain.length, 0);

async function outcome(schedule: (store: Store) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-store-'));
  try {
    const store = await Store.open(join(folder, 'store.duckdb'));
    await schedule(store);
    const result = { counts: await store.tableCounts(), hashes: await store.contentHashes() };
    await store.close();
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('W3 exactly-once results', () => {
  it('W3: writes repeated at random, interleaved at random, leave the counts and contents of one of each', async () => {
    const expected = await outcome(async (store) => {
      for (const chain of CHAINS) for (const write of chain) await write(store);
    });
    expect(expected.counts).toEqual({
      audit: 3,
      batches: 1,
      champion_watches: 1,
      checkpoints: 1,
      curriculum: 1,
      curriculum_states: 2,
      evaluations: 2,
      examples: 2,
      fallback_states: 1,
      feedback_events: 4,
      feedback_signals: 0,
      feedback_sources: 1,
      label_yields: 1,
      model_versions: 2,
      preference_pairs: 1,
      promotions: 1,
      rejected_rows: 1 + 1,
      rewards: 2,
      rounds: 2,
      selection_slices: 0,
      selections: 1,
      steered_states: 1,
      studies: 1,
      superseded_rounds: 0,
      training_runs: 1,
      training_steps: 4,
      trials: 1,
    });
    // A pick below the number of chains moves that chain on; a higher one repeats a write that was done before.
    const picks = fc.array(fc.nat({ max: CHAINS.length * 2 }), { minLength: TOTAL, maxLength: TOTAL * 2 });
    await fc.assert(
      fc.asyncProperty(picks, fc.boolean(), async (moves, together) => {
        const actual = await outcome(async (store) => {
          const next = CHAINS.map(() => 0);
          const done: Write[] = [];
          const advance = async (index: number) => {
            const write = CHAINS[index]?.[next[index] ?? 0];
            if (write === undefined) return;
            next[index] = (next[index] ?? 0) + 1;
            done.push(write);
            // A write that is retried while its first attempt still runs.
            await (together ? Promise.all([write(store), write(store)]) : write(store));
          };
          for (const move of moves) {
            if (move < CHAINS.length) await advance(move);
            else await done[move % Math.max(1, done.length)]?.(store);
          }
          for (const index of CHAINS.keys()) for (let left = 0; left < 8; left += 1) await advance(index);
        });
        expect(actual).toEqual(expected);
      }),
      { numRuns: 8 },
    );
  });

  it('W3: a repeated activity gets the answer of its first run, also after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ratchet-store-'));
    const path = join(folder, 'store.duckdb');
    const activity = (store: Store, fail: boolean) =>
      store.applyOnce('loop/main/round-1', 'feedback', async () => {
        const appended = await store.appendFeedback('main', [event(1), event(2)]);
        if (fail) throw new Error('lost its worker');
        return appended;
      });
    const first = await Store.open(path);
    await expect(activity(first, true)).rejects.toThrow('lost its worker');
    expect(await first.countPending('main', 0)).toBe(0);
    const answer = await activity(first, false);
    expect(answer).toMatchObject({ accepted: 2, lastSeq: 2 });
    await first.close();
    const second = await Store.open(path);
    expect(await activity(second, false)).toEqual(answer);
    expect(await second.applyOnce('loop/main/round-1', 'nothing', async () => undefined)).toBeUndefined();
    expect(await second.countPending('main', 0)).toBe(2);
    await second.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
