import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argmax, distribution } from '../../../engine/generate/distribution.js';
import {
  applyTemperature,
  banRepeatedNgrams,
  keepMinP,
  keepTopK,
  keepTopP,
  penaliseRepetition,
} from '../../../engine/generate/logits-processors.js';
import { chooseToken } from '../../../engine/generate/sampling.js';

const row = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 2, maxLength: 40 });
const kept = (scores: Float32Array): number[] => [...scores.keys()].filter((id) => scores[id]! > -Infinity);

describe('distribution', () => {
  it('has the entropy of a uniform and of a certain row', () => {
    expect(distribution(new Float32Array(8)).entropy).toBeCloseTo(Math.log(8), 12);
    expect(distribution(Float32Array.of(0, 500)).entropy).toBeCloseTo(0, 12);
    expect(distribution(Float32Array.of(1000, 1000)).logNormalizer).toBeCloseTo(1000 + Math.log(2), 9);
  });

  it('agrees with the sum over −p·log p', () => {
    fc.assert(
      fc.property(row, (values) => {
        const logits = Float32Array.from(values);
        const { logNormalizer, entropy } = distribution(logits);
        const expected = logits.reduce(
          (sum, logit) => sum - Math.exp(logit - logNormalizer) * (logit - logNormalizer),
          0,
        );
        expect(entropy).toBeCloseTo(expected, 6);
      }),
    );
  });
});

describe('chooseToken', () => {
  it('is greedy at temperature 0 and does not draw', () => {
    const never = (): number => {
      throw new Error('drew');
    };
    expect(chooseToken(Float32Array.of(1, 5, 5, 2), [], { temperature: 0 }, never)).toBe(1);
  });

  it('draws each token as often as its probability', () => {
    const logits = Float32Array.of(Math.log(0.5), Math.log(0.3), Math.log(0.2));
    const counts = [0, 0, 0];
    for (let i = 0; i < 1000; i++) counts[chooseToken(logits, [], { temperature: 1 }, () => (i + 0.5) / 1000)]!++;
    expect(counts).toEqual([500, 300, 200]);
  });

  it('never draws a token that top-k or top-p left out, whatever the draw', () => {
    fc.assert(
      fc.property(
        row,
        fc.integer({ min: 1, max: 10 }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (values, topK, topP, draw) => {
          const logits = Float32Array.from(values);
          const filtered = Float32Array.from(logits);
          keepTopK(filtered, topK);
          if (topP < 1) keepTopP(filtered, topP);
          const allowed = kept(filtered);
          expect(allowed).toContain(argmax(logits));
          expect(allowed).toContain(chooseToken(logits, [], { temperature: 1, topK, topP }, () => draw));
        },
      ),
    );
  });

  it('becomes greedy as the temperature falls', () => {
    const logits = Float32Array.of(0.1, 0.3, 0.2);
    for (const draw of [1e-9, 0.5, 0.999]) expect(chooseToken(logits, [], { temperature: 0.001 }, () => draw)).toBe(1);
  });
});

describe('processors', () => {
  it('top-p keeps as many of equal tokens as transformers 5.23 does', () => {
    const keptOf = (size: number, p: number) => {
      const scores = new Float32Array(size).fill(0.25);
      keepTopP(scores, p);
      return kept(scores).length;
    };
    expect([keptOf(5, 0.4), keptOf(5, 0.8), keptOf(6, 5 / 6), keptOf(40, 0.5)]).toEqual([2, 4, 5, 20]);
  });

  it('temperature and repetition penalty are float32 numbers, as in torch 2.15', () => {
    const divided = Float32Array.of(100.3, -7.77);
    applyTemperature(divided, 0.01);
    expect([...divided]).toEqual([10030.0009765625, -777.0]);
    const penalised = Float32Array.of(100.3, -7.77);
    penaliseRepetition(penalised, [0, 1], 1.3);
    expect([...penalised]).toEqual([77.15385437011719, -10.10099983215332]);
  });

  it('min-p keeps what is at least that share as likely as the best', () => {
    const scores = Float32Array.from([0.5, 0.3, 0.04, 0.06].map(Math.log));
    keepMinP(scores, 0.1);
    expect(kept(scores)).toEqual([0, 1, 3]);
  });

  it('forbids what would repeat a run of tokens, and nothing in a shorter history', () => {
    const banned = (history: number[], size: number) => {
      const scores = new Float32Array(6);
      banRepeatedNgrams(scores, history, size);
      return [...scores.keys()].filter((id) => scores[id] === -Infinity);
    };
    expect(banned([1, 2, 3, 1, 2, 4, 1, 2], 3)).toEqual([3, 4]);
    expect(banned([1, 2, 3, 1], 2)).toEqual([2]);
    expect(banned([4, 5, 4], 1)).toEqual([4, 5]);
    expect(banned([1], 3)).toEqual([]);
  });

  it('never chooses a forbidden token, greedily or by drawing', () => {
    const logits = Float32Array.of(0, 9, 1);
    for (const temperature of [0, 1]) expect(chooseToken(logits, [], { temperature }, () => 0.999, [1])).toBe(2);
  });
});
