import type { ExampleRow } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { SimilarityCalculator } from '../metrics/similarity-calculator.js';
import { textWords } from '../selection/token-sets.js';
import type { AugmentationOperator, Variant } from './data-augmenter.js';
import type { TextRewriter } from './text-rewriter.js';

const texts = new SimilarityCalculator();

/**
 * The request in a language model's words. Its proof is the way back: the paraphrase is paraphrased once more, and that
 * text is compared with the request.
 */
export function paraphraseOperator(rewriter: TextRewriter): AugmentationOperator {
  return {
    name: 'model-paraphrase',
    async apply(example, seed) {
      const draw = drawFrom(seed);
      const rewritten = (await rewriter.paraphrase(example.input, draw())).trim();
      if (!isRewriting(example.input, rewritten)) return null;
      const back = (await rewriter.paraphrase(rewritten, draw())).trim();
      return provenBy(example, rewritten, back);
    },
  };
}

/**
 * The request translated en → fr → en (Sennrich, Haddow, Birch 2016, in its use for augmentation). What came back is the
 * variant, and its likeness to the request the proof.
 */
export function backTranslationOperator(rewriter: TextRewriter): AugmentationOperator {
  return {
    name: 'back-translation',
    async apply(example, seed) {
      const draw = drawFrom(seed);
      const french = await rewriter.translate(example.input, 'en', 'fr', draw());
      const back = (await rewriter.translate(french, 'fr', 'en', draw())).trim();
      return isRewriting(example.input, back) ? provenBy(example, back, back) : null;
    },
  };
}

/** Seeds of the calls of one variant. */
function drawFrom([seed, ...purpose]: readonly (string | number)[]): () => number {
  const random = stream(Number(seed), ...purpose);
  return () => random.integer(2 ** 31);
}

const isRewriting = (request: string, rewritten: string) => rewritten !== '' && rewritten !== request.trim();

/**
 * A rewriting with its round-trip similarity. One that lost a word which the label needs (a word of the request that is
 * also in the target) has kept nothing: the label is no longer grounded in it.
 */
function provenBy({ input, target }: ExampleRow, rewritten: string, back: string): Variant {
  const needed = textWords(target);
  const lost = textWords(input).some((word) => needed.includes(word) && !textWords(rewritten).includes(word));
  return { input: rewritten, target, roundTrip: lost ? 0 : texts.calculateSimilarity(back, input) };
}
