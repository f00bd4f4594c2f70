import { describe, expect, it } from 'vitest';
import { CURVE_POINTS } from '../../../store/trace.js';
import { example, reward, temporaryStore } from './rows.js';

describe('the story of a loop', () => {
  it('D8: tells what came in, what was decided and how the training went, absent what was not recorded', async () => {
    const store = await temporaryStore();
    await store.startRound('main', 0, {});
    await store.finishRound('main', 0, {});
    await store.startRound('main', 1, { config: { selection: { strategy: 'k-center' } } });
    await store.recordRewards('main', 1, [reward('a'), reward('b'), reward('c')]);
    const curriculum = { artifactType: 'erd', difficulty: 0.1, band: 'easy' } as const;
    await store.recordCurriculum('main', 1, [
      { ...curriculum, eventId: 'a', admitted: true },
      { ...curriculum, eventId: 'b', admitted: false },
    ]);
    const candidate = { artifactType: 'erd', rank: 1, uncertainty: 1, diversity: 1, quality: 1, score: 1 } as const;
    await store.recordSelections('main', 1, [
      { ...candidate, eventId: 'a', selected: true },
      { ...candidate, eventId: 'b', selected: false },
    ]);
    await store.recordExamples('main', 1, [
      example('a', 'a', { hardNegative: true }),
      example('a2', 'a', { source: 'augmented', parentId: 'a', operator: 'rename' }),
    ]);
    const id = 'loops/main/round-1/train';
    await store.recordTrainingRun({
      id,
      loop: 'main',
      round: 1,
      kind: 'round',
      status: 'completed',
      steps: 120,
      trainLoss: 2,
    });
    const step = { totalSteps: 120, gradientNorm: 1, learningRate: 1, tokens: 10, milliseconds: 50 };
    await store.recordSteps(
      id,
      Array.from({ length: 120 }, (_, index) => ({ ...step, step: index + 1, loss: index })),
    );
    await store.recordCurriculumState('main', 1, { stage: 'medium', streak: 0, history: [] });
    const gate = { challenger: 'm', champion: 'base', pairs: 30, meanGain: 2.5, eValue: 25, pValue: 0.04 };
    await store.recordPromotion('main', 1, { ...gate, decision: 'promote' });
    await store.finishRound('main', 1, {
      curriculumStage: 'easy',
      promoted: true,
      reason: 'better',
      labels: 1,
      score: 60,
    });
    await store.recordAudit({
      loop: 'main',
      actor: 'ada',
      action: 'pause',
      subject: 'main',
      details: { reason: 'lunch' },
    });
    await store.startRound('other', 1, {});

    const trace = await store.trace('main');
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(trace.rounds).toEqual([
      { round: 0, status: 'completed', startedAt: time, finishedAt: time },
      {
        round: 1,
        status: 'completed',
        startedAt: time,
        finishedAt: time,
        stage: 'easy',
        nextStage: 'medium',
        events: 3,
        admitted: 1,
        strategy: 'k-center',
        candidates: 2,
        chosen: 1,
        originals: 1,
        variants: 1,
        hardNegatives: 1,
        labels: 1,
        score: 60,
        promoted: true,
        reason: 'better',
        promotion: { ...gate, decision: 'promote' },
      },
    ]);
    expect(trace.trainings).toEqual([
      {
        id,
        round: 1,
        status: 'completed',
        steps: 120,
        trainLoss: 2,
        losses: Array.from({ length: CURVE_POINTS }, (_, index) => 2 * index + 0.5),
        tokens: 1200,
        milliseconds: 6000,
        checkpoints: 0,
      },
    ]);
    expect(trace.audit).toEqual([
      { at: time, actor: 'ada', action: 'pause', subject: 'main', details: { reason: 'lunch' } },
    ]);

    const { rounds, trainings } = await store.trace('main', 0);
    expect([rounds.map(({ round }) => round), trainings]).toEqual([[0], []]);
    expect(await store.trace('nothing')).toEqual({ loop: 'nothing', rounds: [], trainings: [], audit: [] });
  });
});
