import { describe, expect, it } from 'vitest';
import { SELECTION_STRATEGIES } from '../../../../config/loop.js';
import { stream } from '../../../../config/random.js';
import { ActiveLearner } from '../../../../learning/selection/active-learner.js';
import { chooseExamples } from '../../../../learning/selection/choose-examples.js';
import { labelYields } from '../../../../learning/selection/label-yields.js';
import { textFeatures } from '../../../../learning/selection/text-features.js';

const WORDS = ['customer', 'order', 'pays', 'ships', 'invoice', 'nurse', 'patient', 'ward', 'pilot', 'plane'];
const draws = stream(3, 'test', 'choose-examples');
const candidates = Array.from({ length: 60 }, (_, place) => ({
  eventId: `e${String(place).padStart(2, '0')}`,
  artifactType: 'erd' as const,
  text: Array.from({ length: 6 }, () => draws.pick(WORDS)).join(' '),
  uncertainty: draws.float(),
  quality: 1,
}));
const weights = { uncertainty: 0.4, diversity: 0.3, quality: 0.3 };
const fallback = { gains: [], rounds: 0 };

describe('chooseExamples', () => {
  describe.each(SELECTION_STRATEGIES)('%s', (strategy) => {
    const options = { strategy, budget: 12, seed: 7, weights };

    it('R6: keeps the budget, whatever the order of the candidates, and reports every candidate once', () => {
      const { selected, metadata } = chooseExamples(candidates, options);
      expect(new Set(selected.map((row) => row.eventId)).size).toBe(12);
      expect(metadata.map((row) => row.rank)).toEqual(Array.from({ length: 60 }, (_, place) => place + 1));
      expect(metadata.filter((row) => row.selected).map((row) => row.eventId)).toEqual(
        selected.map((row) => row.eventId),
      );
      expect(chooseExamples(candidates.toReversed(), options).metadata).toEqual(metadata);
    });

    it('R6: with a random slice, says of each chosen one who chose it', () => {
      const { metadata } = chooseExamples(candidates, { ...options, fallback });
      const slices = metadata.filter((row) => row.selected).map((row) => row.slice);
      expect([slices.filter((slice) => slice === 'strategy').length, slices.length]).toEqual([6, 12]);
      expect(metadata.filter((row) => !row.selected).every((row) => row.slice === undefined)).toBe(true);
    });
  });

  it('R6: the default is the active learner, row for row', () => {
    const options = { strategy: 'active-learner' as const, budget: 10, seed: 7, weights };
    expect(chooseExamples(candidates, options)).toEqual(
      new ActiveLearner().selectInformativeExamples(candidates, { budget: 10 }),
    );
  });

  it('R6: strategies of uncertainty take the most doubtful first', () => {
    const doubtful = [...candidates].sort((a, b) => b.uncertainty - a.uncertainty).map((row) => row.eventId);
    for (const strategy of ['entropy', 'margin', 'least-confidence'] as const) {
      const { selected } = chooseExamples(candidates, { strategy, budget: 5, seed: 7, weights });
      expect(selected.map((row) => row.eventId)).toEqual(doubtful.slice(0, 5));
    }
  });
});

describe('labelYields', () => {
  it('R6: a label is worth the gain of the held-out requests of its type that are like it', () => {
    const heldOut = [
      { artifactType: 'erd' as const, input: 'customer pays invoice', gain: 30 },
      { artifactType: 'erd' as const, input: 'pilot flies plane', gain: -10 },
      { artifactType: 'architecture' as const, input: 'customer pays invoice', gain: 100 },
    ];
    const label = (input: string) => ({ artifactType: 'erd' as const, input });
    const labels = [label('customer pays invoice'), label('pilot'), label('nurse'), label('customer pilot')];
    const [same, pilot, alien, both] = labelYields(labels, heldOut);
    expect([same, pilot, alien]).toEqual([30, -10, 0]);
    expect(both).toBeCloseTo(10, 9);
  });
});

describe('textFeatures', () => {
  it('are unit vectors, equal for the same words in another case, zero for no words', () => {
    const { data, columns } = textFeatures(['A customer pays', 'a CUSTOMER pays', '']);
    const row = (place: number) => Array.from(data.slice(place * columns, (place + 1) * columns));
    expect(Math.hypot(...row(0))).toBeCloseTo(1, 12);
    expect(row(1)).toEqual(row(0));
    expect(row(2).every((value) => value === 0)).toBe(true);
  });
});
