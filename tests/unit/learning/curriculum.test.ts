import { describe, expect, it } from 'vitest';
import {
  advanceCurriculum,
  CurriculumLearner,
  initialCurriculumState,
  REPLAY_SHARE,
} from '../../../learning/curriculum/curriculum-learner.js';
import type { CurriculumStage, CurriculumState } from '../../../config/domain.js';

const config = { easy: 0.35, medium: 0.65, progression: 75, evaluations: 3 };
const at = (stage: CurriculumStage): CurriculumState => ({ stage, streak: 0, history: [] });
const after = (averages: number[], state = initialCurriculumState()) =>
  averages.reduce((current, average, round) => advanceCurriculum(current, { round, average }, config), state);
/** 100 rows, difficulty 0.00 … 0.99: 35 easy, 30 medium, 35 hard. */
const items = Array.from({ length: 100 }, (_, index) => ({ id: `row-${100 + index}`, difficulty: index / 100 }));
const bandsOf = (stage: CurriculumStage, seed = 1) => {
  const learner = new CurriculumLearner(config, at(stage));
  const { batch } = learner.getNextTrainingBatch(learner.organizeByCurriculum(items), 30, seed);
  const count = (band: string) => batch.filter((row) => learner.bandOf(row.difficulty) === band).length;
  return { easy: count('easy'), medium: count('medium'), hard: count('hard'), ids: batch.map((row) => row.id) };
};

describe('advanceCurriculum', () => {
  it('R5: 75.0 three times stays', () => {
    expect(after([75, 75, 75])).toMatchObject({ stage: 'easy', streak: 0 });
  });

  it('R5: 75.1 three times advances once, and the streak starts again', () => {
    expect(after([75.1, 75.1])).toMatchObject({ stage: 'easy', streak: 2 });
    expect(after([75.1, 75.1, 75.1])).toMatchObject({ stage: 'medium', streak: 0 });
    expect(after([75.1, 75.1, 75.1, 75.1, 75.1])).toMatchObject({ stage: 'medium', streak: 2 });
  });

  it('R5: a lower average in between starts the streak again', () => {
    expect(after([80, 80, 60, 80, 80])).toMatchObject({ stage: 'easy', streak: 2 });
  });

  it('R5: nine good evaluations reach mixed, which is the end', () => {
    expect(after(Array<number>(9).fill(90))).toMatchObject({ stage: 'mixed', streak: 0 });
    expect(after(Array<number>(20).fill(90))).toMatchObject({ stage: 'mixed', streak: 3 });
  });

  it('R5: remembers the stage each average was reached in', () => {
    expect(after([80, 80, 80, 50]).history).toEqual([
      { round: 0, stage: 'easy', average: 80 },
      { round: 1, stage: 'easy', average: 80 },
      { round: 2, stage: 'easy', average: 80 },
      { round: 3, stage: 'medium', average: 50 },
    ]);
    expect(after(Array<number>(500).fill(10)).history).toHaveLength(100);
  });

  it('R5: refuses the average of nothing', () => {
    expect(() => after([NaN])).toThrow('the average score of round 0 is NaN');
  });
});

describe('CurriculumLearner', () => {
  it('R5: cuts the bands at .35 and .65', () => {
    const learner = new CurriculumLearner();
    expect([0, 0.349, 0.35, 0.649, 0.65, 1].map((difficulty) => learner.bandOf(difficulty))).toEqual([
      'easy',
      'easy',
      'medium',
      'medium',
      'hard',
      'hard',
    ]);
    const bands = learner.organizeByCurriculum([...items].reverse());
    expect([bands.easy.length, bands.medium.length, bands.hard.length]).toEqual([35, 30, 35]);
    expect(bands.hard.map((row) => row.difficulty)).toEqual(items.slice(65).map((row) => row.difficulty));
  });

  it('R5: the batch of a stage holds its bands, ordered from easy to hard', () => {
    expect(bandsOf('easy')).toMatchObject({ easy: 30, medium: 0, hard: 0 });
    const medium = bandsOf('medium');
    expect(medium.hard).toBe(0);
    expect(Math.min(medium.easy, medium.medium)).toBeGreaterThan(0);
    expect(medium.easy + medium.medium).toBe(30);
    const mixed = bandsOf('mixed');
    expect(Math.min(mixed.easy, mixed.medium, mixed.hard)).toBeGreaterThan(0);
    expect(mixed.ids).toEqual([...mixed.ids].sort());
  });

  it('R5: the hard stage replays a fifth', () => {
    const hard = bandsOf('hard');
    expect(hard.easy + hard.medium).toBe(30 * REPLAY_SHARE);
    expect(hard.hard).toBe(24);
  });

  it('R5: a stage with too few rows gives a smaller batch', () => {
    const learner = new CurriculumLearner(config, at('easy'));
    const bands = learner.organizeByCurriculum(items.slice(30));
    expect(learner.getNextTrainingBatch(bands, 30, 1)).toMatchObject({ stage: 'easy', batch: { length: 5 } });
  });

  it('R5: draws by the seed alone', () => {
    expect(bandsOf('mixed', 3).ids).toEqual(bandsOf('mixed', 3).ids);
    expect(bandsOf('mixed', 3).ids).not.toEqual(bandsOf('mixed', 4).ids);
  });

  it('R5: admits the bands of the stage, and in hard a fifth of easier rows', () => {
    const admitted = (stage: CurriculumStage) => new CurriculumLearner(config, at(stage)).admit(items, 1).size;
    expect([admitted('easy'), admitted('medium'), admitted('hard'), admitted('mixed')]).toEqual([35, 65, 43, 100]);
  });

  it.each([
    ['hard', 'easy medium', 'medium'],
    ['hard', 'easy', 'easy'],
    ['medium', 'hard', 'hard'],
    ['easy', 'medium hard', 'medium'],
    ['easy', 'hard', 'hard'],
  ] as const)('R5: the stage %s admits of %s rows the %s ones, and stays', (stage, given, expected) => {
    const learner = new CurriculumLearner(config, at(stage));
    const rows = items.filter((row) => given.includes(learner.bandOf(row.difficulty)));
    const admitted = learner.admit(rows, 1);
    expect(items.filter((row) => admitted.has(row.id))).toEqual(
      items.filter((row) => learner.bandOf(row.difficulty) === expected),
    );
    expect(learner.state).toEqual(at(stage));
  });

  it('R5: admits nothing of nothing', () => {
    for (const stage of ['easy', 'medium', 'hard', 'mixed'] as const)
      expect(new CurriculumLearner(config, at(stage)).admit([], 1).size).toBe(0);
  });
});
