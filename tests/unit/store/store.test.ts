import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { Store } from '../../../store/store.js';
import { batch, evaluation, event, example, reward, temporaryFolder, temporaryStore } from './rows.js';

const PARAMETERS = { learningRate: 2e-4, batchSize: 4, numEpochs: 3, loraRank: 16 };

describe('D8 durable feedback store', () => {
  it('D8: events survive a restart unchanged and in order', async () => {
    const path = join(temporaryFolder(), 'deep', 'er', 'store.duckdb');
    const events = [
      event(1, { corrected_output: 'Ünïcode 🎉\n\t"quoted"\u0000end', context: {} }),
      event(2, { context: { rag: 'a', notes: 'b' }, validation_score: 99.999999999 }),
    ];
    const first = await Store.open(path);
    expect(await first.appendFeedback('main', events)).toEqual({
      accepted: 2,
      duplicates: 0,
      conflicts: 0,
      firstSeq: 1,
      lastSeq: 2,
    });
    await first.close();
    const second = await temporaryStore(path);
    expect(await second.pendingFeedback('main', 0)).toEqual([
      { ...events[0], seq: 1 },
      { ...events[1], seq: 2 },
    ]);
  });

  it('D8: what only some feedback has comes back with the event', async () => {
    const store = await temporaryStore();
    const events = [
      event(1),
      event(2, { feedback_type: 'PREFERENCE', rejected_output: 'worse', source: 'ada' }),
      event(3, { feedback_type: 'IMPLICIT', implicit_action: 'kept' }),
      event(4, { feedback_type: 'EDIT', corrected_output: 'better' }),
    ];
    await store.appendFeedback('a', events);
    expect(await store.appendFeedback('a', events)).toMatchObject({ accepted: 0, duplicates: 4 });
    await store.appendFeedback('b', [event(2)]);
    const read = await store.pendingFeedback('a', 0);
    expect(read.map(({ seq: _seq, ...rest }) => rest)).toEqual(events);
    expect((await store.tableCounts())['feedback_signals']).toBe(2);
    expect(Object.keys((await store.pendingFeedback('b', 0))[0]!)).not.toContain('source');
  });

  it('D8: a duplicate id is ignored, also inside one call, and the answer names the same places', async () => {
    const store = await temporaryStore();
    expect(await store.appendFeedback('main', [event(1), event(2), event(1)])).toMatchObject({
      accepted: 2,
      duplicates: 1,
    });
    expect(await store.appendFeedback('main', [event(2), event(3)])).toEqual({
      accepted: 1,
      duplicates: 1,
      conflicts: 0,
      firstSeq: 2,
      lastSeq: 3,
    });
    expect((await store.pendingFeedback('main', 0)).map(({ id, seq }) => [id, seq])).toEqual([
      ['event-1', 1],
      ['event-2', 2],
      ['event-3', 3],
    ]);
    expect(await store.rejectedRows()).toEqual([]);
  });

  it('D8: an id that comes back with other content goes to the ledger and the first event stays', async () => {
    const store = await temporaryStore();
    await store.appendFeedback('main', [event(1)]);
    const other = event(1, { ai_output: 'changed' });
    const again = () => store.appendFeedback('main', [other, event(2)], 'events.jsonl');
    expect(await again()).toMatchObject({ accepted: 1, duplicates: 0, conflicts: 1 });
    expect(await again()).toMatchObject({ accepted: 0, duplicates: 1, conflicts: 1 });
    expect(await store.rejectedRows()).toEqual([
      {
        source: 'events.jsonl',
        line: 0,
        field: 'id',
        reason: 'another event with the id event-1 is stored in loop main; the first one stays',
        raw: JSON.stringify(other),
      },
    ]);
    expect((await store.pendingFeedback('main', 0))[0]?.ai_output).toBe('answer 1');
  });

  it('D8: two loops count their own events', async () => {
    const store = await temporaryStore();
    await store.appendFeedback('main', [event(1), event(2)]);
    await store.appendFeedback('other', [event(1)]);
    expect(await store.lastSeq('other')).toBe(1);
    expect(await store.countPending('main', 1)).toBe(1);
    expect(await store.countPending('nobody', 0)).toBe(0);
    expect((await store.feedbackBetween('main', 0, 1)).map(({ id }) => id)).toEqual(['event-1']);
    expect((await store.pendingFeedback('main', 0, 1)).length).toBe(1);
    expect(await store.appendFeedback('main', [])).toMatchObject({ accepted: 0, firstSeq: 0, lastSeq: 0 });
  });

  it('D8: parallel appends get distinct places without a gap', async () => {
    const store = await temporaryStore();
    await Promise.all(Array.from({ length: 20 }, (_, index) => store.appendFeedback('main', [event(index)])));
    const places = (await store.pendingFeedback('main', 0)).map(({ seq }) => seq);
    expect(places).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it('D8: a bulk import of 20,000 events keeps every one, and a second import adds none', async () => {
    const store = await temporaryStore();
    const events = Array.from({ length: 20_000 }, (_, index) => event(index));
    expect(await store.appendFeedback('main', events)).toMatchObject({ accepted: 20_000, lastSeq: 20_000 });
    expect(await store.appendFeedback('main', events)).toMatchObject({ accepted: 0, duplicates: 20_000 });
    expect(await store.countPending('main', 5_000)).toBe(15_000);
  });

  it('keeps nothing of a call whose last event breaks a rule', async () => {
    const store = await temporaryStore();
    const bad = event(2, { validation_score: Number.NaN });
    await expect(store.appendFeedback('main', [event(1), bad])).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
    await expect(
      store.appendFeedback('main', [event(1), { ...event(2), model_used: 7 } as never]),
    ).rejects.toMatchObject({ code: 'E_DATA_INVALID', message: expect.stringContaining('feedback_events.model_used') });
    expect(await store.countPending('main', 0)).toBe(0);
    await store.appendFeedback('main', [event(1)]);
    expect(await store.countPending('main', 0)).toBe(1);
  });

  it('cuts a refused row to 4,096 characters and keeps one entry of a repeated one', async () => {
    const store = await temporaryStore();
    const row = { source: 'a.jsonl', line: 7, field: 'ts', reason: 'not a time', raw: 'x'.repeat(10_000) };
    expect(await store.rejectRows([row, row])).toBe(1);
    expect(await store.rejectRows([row, { ...row, line: 8 }])).toBe(1);
    expect((await store.rejectedRows()).map(({ line, raw }) => [line, raw.length])).toEqual([
      [7, 4096],
      [8, 4096],
    ]);
  });
});

describe('stages', () => {
  it('returns the rows of a round as they were recorded', async () => {
    const store = await temporaryStore();
    const rewards = [reward('event-2'), reward('event-1', { reward: -1 })];
    const examples = [
      example('b', 'event-2'),
      example('a', 'event-1', { source: 'augmented', parentId: 'b', operator: 'rename' }),
    ];
    const batches = [batch('batch-1', ['b', 'a']), batch('batch-2', [])];
    const selections = [
      {
        eventId: 'event-1',
        artifactType: 'erd',
        rank: 1,
        selected: true,
        uncertainty: 0.1,
        diversity: 0.2,
        quality: 1,
        score: 0.4,
      },
    ] as const;
    const curriculum = [
      { eventId: 'event-1', artifactType: 'code_prototype', difficulty: 0.7, band: 'hard', admitted: false },
    ] as const;
    await store.recordRewards('main', 1, rewards);
    await store.recordExamples('main', 1, examples);
    await store.recordBatches('main', 1, batches);
    await store.recordSelections('main', 1, selections);
    await store.recordCurriculum('main', 1, curriculum);
    expect(await store.rewards('main', 1)).toEqual(rewards);
    expect(await store.examples('main', 1)).toEqual(examples);
    expect(await store.batches('main', 1)).toEqual(batches);
    expect(await store.selections('main', 1)).toEqual(selections);
    expect(await store.curriculum('main', 1)).toEqual(curriculum);
    expect(await store.rewards('main', 2)).toEqual([]);
  });

  it('gathers the examples of all rounds up to one, each once', async () => {
    const store = await temporaryStore();
    await store.recordExamples('main', 2, [example('c', 'event-3'), example('a', 'event-1', { target: 'later' })]);
    await store.recordExamples('main', 1, [example('b', 'event-2'), example('a', 'event-1')]);
    await store.recordExamples('main', 3, [example('d', 'event-4')]);
    const found = await store.allExamples('main', 2);
    expect(found.map(({ id, round }) => [id, round])).toEqual([
      ['b', 1],
      ['a', 1],
      ['c', 2],
    ]);
    expect(found[1]).toEqual({ ...example('a', 'event-1'), round: 1 });
    await store.appendFeedback('main', [event(1)]);
    expect((await store.allExamples('main', 2)).map(({ id, ts }) => [id, ts])).toEqual([
      ['b', undefined],
      ['a', event(1).ts],
      ['c', undefined],
    ]);
  });

  it('finds the trial with the lowest objective of its artifact type in the newest round', async () => {
    const store = await temporaryStore();
    const trial = (id: string, number: number, objective?: number, state: 'complete' | 'pruned' = 'complete') => ({
      id,
      artifactType: 'erd' as const,
      number,
      state,
      parameters: { ...PARAMETERS, batchSize: number + 1 },
      ...(objective === undefined ? {} : { objective }),
    });
    await store.recordTrials('main', 1, [trial('t0', 0, 0.9), trial('t1', 1, 0.4), trial('t2', 2, 0.1, 'pruned')]);
    await store.recordTrials('main', 2, [trial('t3', 0, 0.7), trial('t4', 1)]);
    expect(await store.bestTrial('main', 'erd')).toEqual({ ...trial('t3', 0, 0.7), round: 2 });
    expect(await store.earlierBestParameters('main', 3, 5)).toEqual([
      { ...PARAMETERS, batchSize: 1 },
      { ...PARAMETERS, batchSize: 2 },
    ]);
    expect(await store.earlierBestParameters('main', 2, 5)).toEqual([{ ...PARAMETERS, batchSize: 2 }]);
    expect(await store.bestTrial('main', 'architecture')).toBeNull();
  });
});

describe('rounds, runs and versions', () => {
  it('a round keeps its start and its first result', async () => {
    const store = await temporaryStore();
    await store.startRound('main', 1, { configHash: 'abc', config: { seed: 1 }, afterSeq: 0, uptoSeq: 20 });
    await store.finishRound('main', 1, { score: 70, promoted: true, summary: { labels: [1, 2] } });
    await store.startRound('main', 1, { configHash: 'other' });
    await store.finishRound('main', 1, { score: 10, status: 'failed' });
    expect(await store.rounds('main')).toEqual([
      {
        loop: 'main',
        round: 1,
        status: 'completed',
        configHash: 'abc',
        config: { seed: 1 },
        afterSeq: 0,
        uptoSeq: 20,
        score: 70,
        promoted: true,
        summary: { labels: [1, 2] },
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        finishedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    ]);
  });

  it('the end of a round moves a large log into the file, and leaves a small one', async () => {
    const path = join(temporaryFolder(), 'store.duckdb');
    const store = await temporaryStore(path);
    const logSize = () => statSync(`${path}.wal`, { throwIfNoEntry: false })?.size ?? 0;
    await store.finishRound('main', 1);
    const small = logSize();
    expect(small).toBeGreaterThan(0);
    const texts = stream(1, 'log');
    const long = () => Array.from({ length: 2_000 }, () => texts.integer(1e9)).join(' ');
    await store.appendFeedback(
      'main',
      Array.from({ length: 200 }, (_, index) => event(index, { ai_output: long() })),
    );
    expect(logSize()).toBeGreaterThan(2 << 20);
    await store.finishRound('main', 2);
    expect(logSize()).toBeLessThan(small);
    expect(await store.rounds('main')).toHaveLength(2);
  });

  it('a failed round or run can still be completed, a completed one never fails', async () => {
    const store = await temporaryStore();
    const run = { id: 'run-1', loop: 'main', round: 1, kind: 'round', status: 'running' } as const;
    const fail = async () => {
      await store.finishRound('main', 1, { status: 'failed', reason: 'out of memory' });
      await store.recordTrainingRun({ ...run, status: 'failed', error: 'out of memory' });
    };
    await store.startRound('main', 1);
    await store.recordTrainingRun(run);
    await fail();
    await store.startRound('main', 1);
    await store.recordTrainingRun(run);
    expect(await store.rounds('main')).toMatchObject([{ status: 'failed', reason: 'out of memory' }]);
    expect(await store.trainingRuns('main')).toMatchObject([{ status: 'failed', error: 'out of memory' }]);
    await store.finishRound('main', 1, { score: 5 });
    await store.recordTrainingRun({ ...run, status: 'completed', steps: 3 });
    await fail();
    expect(await store.rounds('main')).toMatchObject([{ status: 'completed', score: 5 }]);
    expect(await store.trainingRuns('main')).toMatchObject([{ status: 'completed', steps: 3 }]);
  });

  it('start and end of a round fit in one transaction', async () => {
    const store = await temporaryStore();
    await store.transaction(async () => {
      await Promise.all([
        store.startRound('main', 1),
        store.finishRound('main', 1, { score: 1 }),
        store.startRound('main', 2),
      ]);
      expect((await store.rounds('main')).map(({ status }) => status)).toEqual(['completed', 'running']);
    });
    await expect(
      store.transaction(async () => {
        await store.finishRound('main', 2, { score: 9 });
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect((await store.rounds('main')).map(({ status }) => status)).toEqual(['completed', 'running']);
  });

  it('a training run takes its results once and ignores a late start', async () => {
    const store = await temporaryStore();
    const start = {
      id: 'run-1',
      loop: 'main',
      round: 1,
      kind: 'round',
      status: 'running',
      parameters: PARAMETERS,
    } as const;
    const end = {
      ...start,
      status: 'completed',
      steps: 30,
      validationLoss: null,
      sha256: 'aa',
      resumedFrom: 10,
    } as const;
    await store.recordTrainingRun(start);
    await store.recordTrainingRun(end);
    await store.recordTrainingRun(start);
    await store.recordTrainingRun({ ...end, sha256: 'bb' });
    expect(await store.trainingRun('run-1')).toMatchObject({
      status: 'completed',
      steps: 30,
      sha256: 'aa',
      parameters: PARAMETERS,
    });
    expect(await store.trainingRun('run-2')).toBeNull();
  });

  it('R12: statistics equal the table counts', async () => {
    const store = await temporaryStore();
    expect(await store.statistics('main')).toEqual({
      feedback_events: 0,
      training_batches: 0,
      curriculum: { current_stage: 'easy' },
    });
    await store.appendFeedback('main', [event(1), event(2), event(3)]);
    await store.recordBatches('main', 1, [batch('b1', []), batch('b2', [])]);
    await store.recordCurriculumState('main', 1, { stage: 'easy', streak: 2, history: [] });
    const state = { stage: 'medium' as const, streak: 0, history: [{ round: 2, stage: 'easy' as const, average: 80 }] };
    await store.recordCurriculumState('main', 2, state);
    expect(await store.curriculumState('main')).toEqual(state);
    const counts = await store.tableCounts();
    expect(await store.statistics('main')).toEqual({
      feedback_events: counts.feedback_events,
      training_batches: counts.batches,
      curriculum: { current_stage: 'medium' },
    });
    expect([counts.feedback_events, counts.batches]).toEqual([3, 2]);
  });

  it('lineage leads from a model version back to the feedback that made it', async () => {
    const store = await temporaryStore();
    await store.appendFeedback('main', [event(1), event(2), event(3)]);
    await store.recordRewards('main', 1, [reward('event-1'), reward('event-2'), reward('event-3')]);
    await store.recordExamples('main', 1, [
      example('x1', 'event-1'),
      example('x1-augmented', 'event-1', { source: 'augmented', parentId: 'x1' }),
      example('x3', 'event-3'),
    ]);
    await store.recordBatches('main', 1, [batch('b1', ['x1', 'x1-augmented'])]);
    await store.recordTrainingRun({ id: 'run-1', loop: 'main', round: 1, kind: 'round', status: 'completed' });
    await store.recordCheckpoint({ runId: 'run-1', step: 10, path: 'c/10', sha256: 'c10' });
    await store.recordCheckpoint({ runId: 'run-1', step: 20, path: 'c/20', sha256: 'c20' });
    const version = {
      id: 'v1',
      loop: 'main',
      round: 1,
      path: 'models/v1',
      sha256: 'f0',
      runId: 'run-1',
      champion: true,
    };
    await store.recordModelVersion(version);
    await store.recordModelVersion({ ...version, id: 'v2', round: 2, runId: 'run-2', parentId: 'v1', champion: false });
    await store.recordEvaluations([evaluation('e1', 'v1'), evaluation('e0', 'base')]);

    const lineage = await store.lineage('v1');
    expect(lineage?.events.map(({ id }) => id)).toEqual(['event-1']);
    expect(lineage?.rewards.map(({ eventId }) => eventId)).toEqual(['event-1']);
    expect(lineage?.examples.map(({ id }) => id)).toEqual(['x1', 'x1-augmented']);
    expect(lineage?.examples[0]).not.toHaveProperty('target');
    expect(lineage?.batches.map(({ id }) => id)).toEqual(['b1']);
    expect(lineage?.run?.id).toBe('run-1');
    expect(lineage?.checkpoints.map(({ step }) => step)).toEqual([10, 20]);
    expect(lineage?.evaluations.map(({ id }) => id)).toEqual(['e1']);
    expect((await store.lineage('v2'))?.ancestors).toEqual(['v1']);
    expect(await store.lineage('v9')).toBeNull();
    expect(
      await store.query('SELECT event_id, example_id, checkpoint_step, evaluation_id FROM lineage ORDER BY example_id'),
    ).toEqual([
      { event_id: 'event-1', example_id: 'x1', checkpoint_step: 20, evaluation_id: 'e1' },
      { event_id: 'event-1', example_id: 'x1-augmented', checkpoint_step: 20, evaluation_id: 'e1' },
    ]);
  });

  it('the lineage of a model has the examples and rewards that counted when it was trained', async () => {
    const store = await temporaryStore();
    await store.appendFeedback('main', [event(1)]);
    const train = async (round: number, ownReward: number) => {
      await store.recordRewards('main', round, [{ ...reward('event-1'), reward: ownReward }]);
      await store.recordExamples('main', round, [example('x1', 'event-1')]);
      await retrain(round);
    };
    const retrain = async (round: number) => {
      const [id, runId] = [`v${round}`, `run-${round}`];
      await store.startRound('main', round, { config: {}, configHash: 'c', afterSeq: 0 });
      await store.recordBatches('main', round, [batch(`b${round}`, ['x1'])]);
      await store.recordTrainingRun({ id: runId, loop: 'main', round, kind: 'round', status: 'completed' });
      await store.recordModelVersion({ id, loop: 'main', round, path: id, sha256: id, runId, champion: false });
    };
    await train(1, 0.1);
    await retrain(2);
    await store.supersede('main', { round: 0, begun: 2 }, 'reset-1');
    await train(3, 0.3);
    await retrain(4);
    await store.supersede('main', { round: 0, begun: 4 }, 'reset-2');
    await train(5, 0.5);
    for (const [id, round, ownReward] of [
      ['v1', 1, 0.1],
      ['v2', 1, 0.1],
      ['v3', 3, 0.3],
      ['v4', 3, 0.3],
      ['v5', 5, 0.5],
    ] as const) {
      const lineage = await store.lineage(id);
      expect(lineage?.examples.map((row) => row.round)).toEqual([round]);
      expect(lineage?.rewards.map((row) => [row.round, row.reward])).toEqual([[round, ownReward]]);
    }
  });

  it('a loop has one champion, and a change of it is in the audit trail', async () => {
    const store = await temporaryStore();
    const version = (id: string, champion: boolean) => ({ id, loop: 'main', round: 1, path: id, sha256: id, champion });
    expect(await store.champion('main')).toBeNull();
    await store.recordModelVersion(version('v1', true));
    await store.recordModelVersion(version('v2', false));
    expect((await store.champion('main'))?.id).toBe('v1');
    expect(await store.setChampion('main', 'v2', 'better by 4 points')).toBe(true);
    expect(await store.setChampion('main', 'v2', 'better by 4 points')).toBe(false);
    await store.recordModelVersion(version('v1', true));
    expect((await store.champion('main'))?.id).toBe('v2');
    expect((await store.modelVersions('main')).map(({ id, champion }) => [id, champion])).toEqual([
      ['v1', false],
      ['v2', true],
    ]);
    expect(await store.query("SELECT subject FROM audit WHERE action = 'setChampion' ORDER BY recorded_at")).toEqual([
      { subject: 'v1' },
      { subject: 'v2' },
    ]);
    await expect(store.setChampion('main', 'v7')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect((await store.champion('main'))?.id).toBe('v2');
  });
});

describe('query', () => {
  it('answers one SELECT with plain data', async () => {
    const store = await temporaryStore();
    await store.appendFeedback('main', [event(1), event(2)]);
    expect(
      await store.query('SELECT count(*) AS n, max(seq) AS last FROM feedback_events WHERE loop = $1', ['main']),
    ).toEqual([{ n: 2, last: 2 }]);
    expect(await store.query('FROM feedback_events', [], { limit: 1 })).toHaveLength(1);
  });

  it.each([
    'DELETE FROM feedback_events',
    'DELETE FROM feedback_events RETURNING *',
    'SELECT 1; DROP TABLE feedback_events',
    "COPY feedback_events TO '/tmp/out.csv'",
    "SELECT * FROM read_text('/etc/hostname')",
    "ATTACH '/tmp/other.duckdb'",
    'SET enable_external_access = true',
    'SELECT nothing FROM nowhere',
    '',
  ])('refuses %s', async (sql) => {
    const store = await temporaryStore();
    await store.appendFeedback('main', [event(1)]);
    await expect(store.query(sql)).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(await store.countPending('main', 0)).toBe(1);
  });

  it('interrupts a query that runs too long while writes go on', async () => {
    const store = await temporaryStore();
    const query = 'SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b';
    const slow = store.query(query, [], { timeoutSeconds: 0.3 }).catch((error: unknown) => error);
    await store.appendFeedback('main', [event(1)]);
    expect(await slow).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('0.3 s') });
    expect(await store.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

it('hashes the same content the same, whatever the clock said', async () => {
  const hashes = async (latencyMs: number, score: number) => {
    const store = await temporaryStore();
    await store.finishRound('main', 1, { summary: { test: [{ ...evaluation('e', 'm'), latencyMs, score }] } });
    await store.recordEvaluations([evaluation('e', 'm', { latencyMs, score })]);
    return await store.contentHashes();
  };
  const once = await hashes(12, 70);
  expect(await hashes(88.5e-3, 70)).toEqual(once);
  const other = await hashes(12, 71);
  expect(other['rounds']).not.toBe(once['rounds']);
  expect(other['evaluations']).not.toBe(once['evaluations']);
});
