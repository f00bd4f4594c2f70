import { describe, expect, it } from 'vitest';
import { createControlActivities, type SteerLoopInput } from '../../../activities/control.js';
import type { LoopState } from '../../../activities/loop-state.js';
import { createTrackingStoreActivities } from '../../../activities/tracking.js';
import { createTrainingStoreActivities } from '../../../activities/training.js';
import { LoopConfig } from '../../../config/loop.js';
import type { Store } from '../../../store/store.js';
import { batch, evaluation, event, example, reward, temporaryFolder, temporaryStore } from './rows.js';

const STATE: LoopState = {
  round: 0,
  cursor: 0,
  curriculum: { stage: 'easy', streak: 0, history: [] },
  champion: null,
  labels: 0,
  baseline: [],
  test: [],
  validation: [],
  results: [],
};
const by = { id: 'request-1', actor: 'ada', reason: 'wrong labels' };

/** A loop of some rounds, each of which has promoted its model and left an example and a trial. */
async function playedLoop(rounds: number): Promise<{ store: Store; state: LoopState }> {
  const store = await temporaryStore();
  await store.startRound('main', 0);
  let state = STATE;
  for (let round = 1; round <= rounds; round += 1) {
    const id = `main-round-${round}`;
    const champion = { id, path: `models/${id}`, sha256: `sha-${round}` };
    await store.startRound('main', round);
    await store.recordExamples('main', round, [example(`example-${round}`, `event-${round}`)]);
    await store.recordModelVersion({ ...champion, loop: 'main', round, champion: true });
    await store.recordEvaluations([
      evaluation(`${id}-test`, id, { round }),
      evaluation(`${id}-validation`, id, { round, split: 'validation' }),
    ]);
    const trial = { id: `trial-${round}`, artifactType: 'all' as const, number: 0, state: 'complete' as const };
    await store.recordTrials('main', round, [{ ...trial, parameters: { loraRank: round }, objective: 1 / round }]);
    await store.recordCurriculumState('main', round, { stage: round > 2 ? 'mixed' : 'easy', streak: 0, history: [] });
    state = { ...state, round, cursor: 10 * round, champion };
    await store.finishRound('main', round, { summary: state });
  }
  return { store, state };
}

const request = (state: LoopState, destination: SteerLoopInput['destination'], id = by.id): SteerLoopInput => ({
  ...by,
  id,
  loop: 'main',
  destination,
  state,
  start: STATE,
  begun: state.round,
});

describe('a reset', () => {
  it('brings champion, cursor, curriculum and tuning back; later rounds stay and are marked', async () => {
    const { store, state } = await playedLoop(4);
    const before = await store.tableCounts();
    const { steerLoop } = createControlActivities({ store });
    const reset = await steerLoop(request(state, { kind: 'reset', round: 2 }));
    expect(reset).toMatchObject({ round: 4, superseded: 2, cursor: 20, champion: { id: 'main-round-2' } });
    expect(reset.steering).toEqual({ id: by.id, superseded: [3, 4] });
    expect((await store.champion('main'))?.id).toBe('main-round-2');
    expect((await store.bestTrial('main', 'all'))?.round).toBe(2);
    expect(await store.earlierBestParameters('main', 5, 3)).toEqual([{ loraRank: 2 }, { loraRank: 1 }]);
    expect((await store.allExamples('main', 4)).map((row) => row.id)).toEqual(['example-1', 'example-2']);
    expect((await store.statistics('main')).curriculum.current_stage).toBe('easy');
    expect(await store.query('SELECT round, request FROM superseded_rounds ORDER BY round')).toEqual([
      { round: 3, request: by.id },
      { round: 4, request: by.id },
    ]);
    const after = await store.tableCounts();
    const lost = Object.keys(before).filter((table) => after[table]! < before[table]!);
    expect(lost).toEqual([]);
  });

  it('is where a new start of the loop goes on, until a later round is finished', async () => {
    const { store, state } = await playedLoop(4);
    const reset = await createControlActivities({ store }).steerLoop(request(state, { kind: 'reset', round: 2 }));
    expect(await store.newestState('main')).toEqual(reset);
    await store.finishRound('main', 5, { summary: { ...reset, round: 5, cursor: 50 } });
    expect(await store.newestState('main')).toMatchObject({ round: 5, cursor: 50, superseded: 2 });
  });

  it('to 0 is the base model again, and gives up a round that has only begun', async () => {
    const { store, state } = await playedLoop(2);
    await store.startRound('main', 3);
    const { steerLoop } = createControlActivities({ store });
    const reset = await steerLoop({ ...request(state, { kind: 'reset', round: 0 }), begun: 2 });
    expect(reset).toMatchObject({ round: 3, superseded: 3, cursor: 0, champion: null });
    expect(await store.champion('main')).toBeNull();
  });

  it('twice counts a number once, and a round that was given up is no destination', async () => {
    const { store, state } = await playedLoop(4);
    const { steerLoop } = createControlActivities({ store });
    const first = await steerLoop(request(state, { kind: 'reset', round: 2 }));
    const fifth = { ...first, round: 5 };
    await store.finishRound('main', 5, { summary: fifth });
    const second = await steerLoop(request(fifth, { kind: 'reset', round: 1 }, 'request-2'));
    expect(second).toMatchObject({ round: 5, superseded: 4, steering: { superseded: [2, 5] } });
    await expect(steerLoop(request(second, { kind: 'reset', round: 3 }, 'request-3'))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'The loop main has no finished round 3 that still counts.',
    });
  });

  it('repeated after a lost answer is one; repeated after something else it changes nothing', async () => {
    const { store, state } = await playedLoop(3);
    const { steerLoop, readAudit } = createControlActivities({ store });
    const asked = request(state, { kind: 'reset', round: 1 });
    const reset = await steerLoop(asked);
    expect(await steerLoop(asked)).toEqual(reset);
    const back = await steerLoop(request(reset, { kind: 'rollback', model: 'main-round-3' }, 'request-2'));
    await expect(steerLoop(asked)).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(await store.newestState('main')).toEqual(back);
    const entries = (await readAudit({ loop: 'main', limit: 10 })).filter(({ actor }) => actor === 'ada');
    expect(entries).toMatchObject([
      {
        action: 'reset',
        subject: 'round 1',
        details: { reason: 'wrong labels', superseded: [2, 3], before: 'main-round-3', champion: 'main-round-1' },
      },
      { action: 'rollback', subject: 'main-round-3', details: { superseded: [], before: 'main-round-1' } },
    ]);
  });
});

describe('a rollback', () => {
  it('makes an earlier model the champion with what was measured of it; all rounds go on counting', async () => {
    const { store, state } = await playedLoop(3);
    const { steerLoop } = createControlActivities({ store });
    const validationScores = { uri: 'scores', sha256: '', rows: 1 };
    const rolledBack = await steerLoop(
      request({ ...state, validationScores }, { kind: 'rollback', model: 'main-round-1' }),
    );
    expect(rolledBack).toMatchObject({ round: 3, superseded: 0, cursor: 30, champion: { sha256: 'sha-1' } });
    expect(rolledBack.test.map(({ id }) => id)).toEqual(['main-round-1-test']);
    expect(rolledBack.validation.map(({ id }) => id)).toEqual(['main-round-1-validation']);
    expect(rolledBack.validationScores).toBeUndefined();
    expect((await store.champion('main'))?.id).toBe('main-round-1');
    expect(await store.query('SELECT * FROM superseded_rounds')).toEqual([]);
  });

  it('names the versions there are', async () => {
    const { store, state } = await playedLoop(2);
    const { steerLoop } = createControlActivities({ store });
    await expect(steerLoop(request(state, { kind: 'rollback', model: 'main-round-9' }))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      hint: 'Take one of base, main-round-1, main-round-2.',
    });
    await expect(steerLoop(request(state, { kind: 'rollback', model: 'main-round-2' }))).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    expect(await store.newestState('main')).toEqual(state);
  });
});

describe('a round that is begun again', () => {
  it('goes on with what it has recorded; configured otherwise it begins anew, and the rounds before stay', async () => {
    const { store } = await playedLoop(2);
    const before = { hashes: await store.contentHashes(), counts: await store.tableCounts() };
    const deps = { store, dataFolder: temporaryFolder() };
    const { startRound } = createTrackingStoreActivities(deps);
    const { recentModels } = createTrainingStoreActivities(deps);
    const key = { loop: 'main', round: 3 };
    const begin = (budget: number) =>
      startRound({ key, config: LoopConfig.parse({ name: 'main', selection: { budget } }), feedbackCursor: 20 });
    const promote = () => store.applyOnce('loops/main/round-3', 'promote', async () => 'promoted');

    await begin(10);
    await store.appendFeedback('main', [event(1)]);
    await store.roundFeedback('main', 3, 0, 10);
    await store.recordRewards('main', 3, [reward('event-1')]);
    await store.recordExamples('main', 3, [example('a', 'event-1')]);
    await store.recordBatches('main', 3, [batch('b', ['a'])]);
    await store.applyOnce('loops/main/round-3/study', 'open', () =>
      store.saveStudy('main', 3, { sampler: 'random', pruner: 'none', queue: [], study: {} }),
    );
    await store.recordTrainingRun({ id: 'run-3', loop: 'main', round: 3, kind: 'round', status: 'completed' });
    await store.recordCheckpoint({ runId: 'run-3', step: 1, path: 'c', sha256: 'c' });
    const version = { id: 'main-round-3', loop: 'main', round: 3, path: 'models/3', sha256: 'first' };
    await store.recordModelVersion({ ...version, champion: true });
    expect(await promote()).toBe('promoted');
    const recorded = await store.contentHashes();
    await begin(10);
    expect(await store.contentHashes()).toEqual(recorded);
    const ensemble = await recentModels({ loop: 'main', limit: 3, before: 3 });
    expect(ensemble.map(({ id }) => id)).toEqual(['main-round-2', 'main-round-1']);

    await begin(20);
    const { audit: _a, feedback_events: _f, rounds, ...kept } = await store.contentHashes();
    expect(before.hashes).toMatchObject(kept);
    expect(rounds).not.toBe(before.hashes['rounds']);
    const begun = (await store.rounds('main'))[3]!;
    expect(begun).toMatchObject({ status: 'running', afterSeq: 20, config: { selection: { budget: 20 } } });
    expect(begun.uptoSeq).toBeUndefined();
    expect((await store.champion('main'))?.id).toBe('main-round-2');
    expect((await store.audit('main')).at(-1)).toMatchObject({
      action: 'rollBack',
      subject: 'main-round-2',
      details: { before: 'main-round-3', reason: 'round 3 begins anew, configured otherwise' },
    });
    const applied = await store.query("SELECT * FROM applied_writes WHERE workflow_id LIKE 'loops/main/round-3%'");
    expect(applied).toEqual([]);

    // What is made now is what is kept.
    await store.recordExamples('main', 3, [example('a', 'event-1', { target: 'another' })]);
    await store.recordModelVersion({ ...version, sha256: 'second', champion: false });
    expect(await store.examples('main', 3)).toMatchObject([{ id: 'a', target: 'another' }]);
    expect((await store.modelVersions('main')).at(-1)).toMatchObject({ sha256: 'second', champion: false });
    await store.finishRound('main', 3);
    const finished = await store.contentHashes();
    await begin(30);
    expect(await store.contentHashes()).toEqual(finished);
  });
});
