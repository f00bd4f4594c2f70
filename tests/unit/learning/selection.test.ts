import { describe, expect, it } from 'vitest';
import { ActiveLearner, selectRandom, type SelectionCandidate } from '../../../learning/selection/active-learner.js';
import { proportionalQuotas } from '../../../learning/selection/quotas.js';
import { uncertaintyOf } from '../../../learning/selection/uncertainty.js';
import { stream } from '../../../config/random.js';

const words = [
  'customer',
  'order',
  'invoice',
  'pilot',
  'plane',
  'nurse',
  'ward',
  'shelf',
  'book',
  'reader',
  'song',
  'band',
];
function candidate(eventId: string, change: Partial<SelectionCandidate> = {}): SelectionCandidate {
  return { eventId, artifactType: 'erd', text: eventId, uncertainty: 0.5, quality: 0.5, ...change };
}
function pool(size: number): SelectionCandidate[] {
  const random = stream(5, 'pool');
  return Array.from({ length: size }, (_, index) =>
    candidate(`e${String(index).padStart(4, '0')}`, {
      artifactType: index % 10 === 0 ? 'architecture' : index % 2 === 0 ? 'erd' : 'code_prototype',
      text: Array.from({ length: 12 }, () => random.pick(words)).join(' '),
      uncertainty: random.float(),
      quality: random.float(),
    }),
  );
}
const learner = new ActiveLearner();

describe('ActiveLearner', () => {
  it('R6: keeps the budget, 30 unless told otherwise', () => {
    expect(learner.selectInformativeExamples(pool(200)).selected).toHaveLength(30);
    expect(learner.selectInformativeExamples(pool(200), { budget: 7 }).selected).toHaveLength(7);
    expect(learner.selectInformativeExamples(pool(5)).selected).toHaveLength(5);
    expect(learner.selectInformativeExamples([]).metadata).toEqual([]);
  });

  it('R6: .4 uncertainty + .3 diversity + .3 quality is the score, and the score is the rank', () => {
    const { selected, metadata } = learner.selectInformativeExamples(pool(200));
    expect(metadata).toHaveLength(200);
    expect(metadata.map((row) => row.rank)).toEqual(metadata.map((_, index) => index + 1));
    for (const row of metadata) {
      expect(row.score).toBeCloseTo(0.4 * row.uncertainty + 0.3 * row.diversity + 0.3 * row.quality, 12);
    }
    for (const part of [metadata.slice(0, 30), metadata.slice(30)]) {
      const scores = part.map((row) => row.score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    }
    expect(metadata.filter((row) => row.selected).map((row) => row.eventId)).toEqual(
      selected.map((row) => row.eventId),
    );
  });

  it('R6: near-duplicates lose against anything as informative', () => {
    const text = 'each customer places many orders and every order has a total and a date';
    const twins = Array.from({ length: 10 }, (_, index) =>
      candidate(`twin-${index}`, { text: text.replace('date', `date ${index}`) }),
    );
    const others = words.map((word, index) => candidate(`zother-${index}`, { text: `a ${word} is kept` }));
    const { selected } = learner.selectInformativeExamples([...twins, ...others], { budget: 8 });
    expect(selected.filter((row) => row.eventId.startsWith('twin'))).toHaveLength(1);
  });

  it('R6: the same words in another order are another request', () => {
    const rows = [
      candidate('a', { text: 'the client calls the server', uncertainty: 1 }),
      candidate('b', { text: 'the client calls the server' }),
      candidate('c', { text: 'the server calls the client' }),
    ];
    const { metadata } = learner.selectInformativeExamples(rows, { budget: 1 });
    expect(metadata.map((row) => [row.eventId, row.diversity])).toEqual([
      ['a', 1],
      ['c', expect.closeTo(2 / 9, 12)],
      ['b', 0],
    ]);
  });

  it('R6: rows of one group are worth choosing once', () => {
    const rows = [
      candidate('a', { text: 'first words', groups: ['spec-1'] }),
      candidate('b', { text: 'quite different', groups: ['spec-1'] }),
      candidate('c', { text: 'first words again' }),
    ];
    const { selected } = learner.selectInformativeExamples(rows, { budget: 2 });
    expect(selected.map((row) => row.eventId)).toEqual(['a', 'c']);
  });

  it('R6: a type that looks uninteresting is not starved', () => {
    const rows = pool(300).map((row) =>
      row.artifactType === 'architecture' ? { ...row, uncertainty: 0, quality: 0 } : row,
    );
    const share = (quotas: 'proportional' | 'none') =>
      learner.selectInformativeExamples(rows, { quotas }).selected.filter((row) => row.artifactType === 'architecture')
        .length;
    expect(share('none')).toBe(0);
    expect(share('proportional')).toBeGreaterThanOrEqual(5);
  });

  it('R6: takes the quotas it is given', () => {
    const { selected } = learner.selectInformativeExamples(pool(200), { quotas: { erd: 3, architecture: 2 } });
    const types = selected.map((row) => row.artifactType);
    expect([types.length, types.filter((type) => type === 'erd').length]).toEqual([5, 3]);
  });

  it('R6: equal candidates are chosen by id', () => {
    const rows = ['c', 'a', 'b'].map((id) => candidate(id, { text: 'same' }));
    const { selected } = learner.selectInformativeExamples(rows, { budget: 2 });
    expect(selected.map((row) => row.eventId)).toEqual(['a', 'b']);
  });

  it('R6: 1,000 candidates take well under two seconds', () => {
    const started = performance.now();
    expect(learner.selectInformativeExamples(pool(1000), { budget: 100 }).selected).toHaveLength(100);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('R6: refuses a repeated event and a part on the wrong scale', () => {
    expect(() => learner.selectInformativeExamples([candidate('a'), candidate('a')])).toThrow(
      'event a is a candidate twice',
    );
    expect(() => learner.selectInformativeExamples([candidate('a', { quality: 85 })])).toThrow(
      'quality of event a is 85',
    );
  });
});

describe('selectRandom', () => {
  it('R6: the baseline draws by the seed, whatever the order', () => {
    const ids = (seed: number, rows: SelectionCandidate[]) =>
      selectRandom(rows, { budget: 20, seed }).selected.map((row) => row.eventId);
    expect(ids(1, pool(100))).toHaveLength(20);
    expect(ids(1, pool(100))).toEqual(ids(1, pool(100).reverse()));
    expect(ids(1, pool(100))).not.toEqual(ids(2, pool(100)));
  });

  it('R6: the baseline ignores uncertainty', () => {
    const mean = (rows: readonly SelectionCandidate[]) =>
      rows.reduce((sum, row) => sum + row.uncertainty, 0) / rows.length;
    const rows = pool(1000);
    const random = mean(selectRandom(rows, { budget: 200, seed: 1 }).selected);
    expect(Math.abs(random - mean(rows))).toBeLessThan(0.06);
    expect(mean(learner.selectInformativeExamples(rows, { budget: 200 }).selected)).toBeGreaterThan(mean(rows) + 0.1);
  });
});

describe('proportionalQuotas', () => {
  it('R6: is proportional with a floor of half an equal share', () => {
    expect(proportionalQuotas({ erd: 100, code: 100, architecture: 100 }, 30)).toEqual({
      erd: 10,
      code: 10,
      architecture: 10,
    });
    expect(proportionalQuotas({ erd: 200, code: 90, architecture: 10 }, 30)).toEqual({
      erd: 17,
      code: 8,
      architecture: 5,
    });
    expect(proportionalQuotas({ erd: 200, code: 2, architecture: 0 }, 30)).toEqual({
      erd: 28,
      code: 2,
      architecture: 0,
    });
    expect(proportionalQuotas({ erd: 2, code: 3 }, 30)).toEqual({ erd: 2, code: 3 });
  });
});

describe('uncertaintyOf', () => {
  it('R6: is failure alone, or the mean of failure and entropy', () => {
    expect(uncertaintyOf(100)).toBe(0);
    expect(uncertaintyOf(25)).toBe(0.75);
    expect(uncertaintyOf(100, Math.LN2)).toBe(0.5);
    expect(uncertaintyOf(0, 3)).toBe(1);
  });

  it('an answer that users correct failed, whatever the validator says, and one they like failed no less', () => {
    expect(uncertaintyOf(100, undefined, 0.5)).toBe(0.25);
    expect(uncertaintyOf(100, Math.LN2, 0)).toBe(0.75);
    expect(uncertaintyOf(25, undefined, 1)).toBe(0.75);
  });
});
