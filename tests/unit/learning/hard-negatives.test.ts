import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { findFailurePatterns } from '../../../learning/selection/failure-patterns.js';
import { HardNegativeMiner, type Outcome } from '../../../learning/selection/hard-negative-miner.js';

const outcome = (id: string, change: Partial<Outcome> = {}): Outcome => ({
  id,
  artifactType: 'erd',
  input: 'a request',
  output: 'an answer',
  score: 30,
  difficulty: 0.5,
  ...change,
});
const nouns = ['customer', 'order', 'pilot', 'nurse', 'book', 'song', 'ward', 'shelf'];

describe('HardNegativeMiner', () => {
  it('R10: 60 is not recorded, 59.9 is', () => {
    const miner = new HardNegativeMiner();
    expect(miner.recordFailure(outcome('a', { score: 60 }))).toBe(false);
    expect(miner.recordFailure(outcome('b', { score: 59.9 }))).toBe(true);
    expect(miner.recordFailure(outcome('c', { score: NaN }))).toBe(false);
    expect(miner.getHardNegatives('erd').map((row) => row.id)).toEqual(['b']);
  });

  it('R10: gives the hardest first, 20 unless told otherwise, of one type', () => {
    const miner = new HardNegativeMiner();
    for (let index = 0; index < 30; index++) miner.recordFailure(outcome(`e${index}`, { difficulty: index / 30 }));
    miner.recordFailure(outcome('other', { artifactType: 'architecture', difficulty: 1 }));
    const difficulties = miner.getHardNegatives('erd').map((row) => row.difficulty);
    expect(difficulties).toEqual(Array.from({ length: 20 }, (_, index) => (29 - index) / 30));
    expect(miner.getHardNegatives('erd', 3)).toHaveLength(3);
    expect(miner.getHardNegatives('code_prototype')).toEqual([]);
  });

  it('R10: equal difficulties are ordered by score, then id; a repeated id counts once', () => {
    const miner = new HardNegativeMiner();
    for (const [id, score] of [
      ['c', 10],
      ['b', 20],
      ['a', 20],
      ['a', 20],
    ] as const)
      miner.recordFailure(outcome(id, { score }));
    expect(miner.getHardNegatives('erd').map((row) => row.id)).toEqual(['c', 'a', 'b']);
  });

  it('R10: names the planted cause', () => {
    const random = stream(3, 'planted');
    const miner = new HardNegativeMiner();
    for (let index = 0; index < 200; index++) {
      const weak = random.float() < 0.25;
      const input = `${random.pick(nouns)} has ${random.pick(nouns)}${weak ? ' as a weak entity' : ' with a name'}`;
      const failed = random.float() < (weak ? 0.8 : 0.2);
      miner.recordOutcome(outcome(`e${index}`, { input, score: failed ? 30 : 90 }));
    }
    const patterns = miner.analyzePatterns('erd');
    expect(patterns[0]!.feature.split(' ')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^(as|weak|entity)$/)]),
    );
    expect(patterns[0]!.failureRate).toBeGreaterThan(patterns[0]!.successRate + 0.2);
    expect(patterns.map((pattern) => pattern.feature).some((feature) => nouns.includes(feature))).toBe(false);
    expect(miner.analyzePatterns('architecture')).toEqual([]);
  });
});

describe('findFailurePatterns', () => {
  it('R10: names length as a cause', () => {
    const random = stream(4, 'length');
    const text = (words: number) => Array.from({ length: words }, () => random.pick(nouns)).join(' ');
    const failures = Array.from({ length: 40 }, () => text(12));
    const successes = Array.from({ length: 60 }, () => text(7));
    expect(findFailurePatterns(failures, successes)[0]).toMatchObject({
      kind: 'length',
      feature: 'longer than 7 words',
      failureRate: 1,
      successRate: 0,
    });
  });

  it('R10: finds nothing where failures look like successes', () => {
    const texts = nouns.map((noun) => `a ${noun} is kept`);
    expect(findFailurePatterns(texts, texts)).toEqual([]);
    expect(findFailurePatterns(texts, [])).toEqual([]);
  });
});
