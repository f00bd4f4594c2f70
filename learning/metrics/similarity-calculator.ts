import { runChecks, type SelfTestResult } from '../self-test-result.js';
import { sentenceBleu } from './bleu.js';
import { levenshteinSimilarity } from './levenshtein.js';

/** Text → vector. Vectors that need a model are computed beforehand by an activity and looked up here. */
export type Embed = (text: string) => readonly number[] | Float32Array;

export interface SimilarityParts {
  levenshtein: number;
  bleu: number;
  /** Absent when no embedding function is given. */
  embedding?: number;
}

const WITH_EMBEDDING = { levenshtein: 0.3, bleu: 0.3, embedding: 0.4 };
const WITHOUT_EMBEDDING = { levenshtein: 0.5, bleu: 0.5 };

/**
 * R2: how alike two texts are, as a weighted mean of three parts, each 0–1: character Levenshtein and sentence BLEU
 * (÷100) and the cosine of embeddings (negative cosines count as 0), weights .3/.3/.4; .5/.5 without embeddings.
 */
export class SimilarityCalculator {
  private readonly embed: Embed | undefined;

  constructor(options: { useEmbeddings?: boolean; embed?: Embed } = {}) {
    this.embed = (options.useEmbeddings ?? true) ? options.embed : undefined;
  }

  /** The parts of {@link calculateSimilarity}. Levenshtein and embedding are symmetric; BLEU takes `reference` as the truth. */
  parts(text: string, reference: string): SimilarityParts {
    if (text === reference) {
      return { levenshtein: 1, bleu: 1, ...(this.embed === undefined ? {} : { embedding: 1 }) };
    }
    const parts: SimilarityParts = {
      levenshtein: levenshteinSimilarity(text, reference),
      bleu: Math.min(1, sentenceBleu(text, [reference]).score / 100),
    };
    if (this.embed !== undefined) {
      parts.embedding = Math.min(1, Math.max(0, cosine(this.embed(text), this.embed(reference))));
    }
    return parts;
  }

  /** 0 … 1; 1 for identical texts. */
  calculateSimilarity(text: string, reference: string): number {
    const parts = this.parts(text, reference);
    if (parts.embedding === undefined) {
      return WITHOUT_EMBEDDING.levenshtein * parts.levenshtein + WITHOUT_EMBEDDING.bleu * parts.bleu;
    }
    const { levenshtein, bleu, embedding } = WITH_EMBEDDING;
    return Math.min(1, levenshtein * parts.levenshtein + bleu * parts.bleu + embedding * parts.embedding);
  }

  /** R14. */
  selfTest(): SelfTestResult {
    return runChecks('SimilarityCalculator', {
      'a text is identical to itself': () => this.calculateSimilarity('a { id }', 'a { id }') === 1,
      'one edit in four characters gives Levenshtein 0.75': () => this.parts('abcd', 'abce').levenshtein === 0.75,
      'a closer text is more similar': () =>
        this.calculateSimilarity('client --> api', 'client --> api_service') >
        this.calculateSimilarity('queue', 'client --> api_service'),
    });
  }
}

/** Cosine of two vectors of equal length, −1 … 1; 0 when one is zero. */
export function cosine(first: ArrayLike<number>, second: ArrayLike<number>): number {
  let dot = 0;
  let firstSquare = 0;
  let secondSquare = 0;
  for (let index = 0; index < first.length; index++) {
    dot += first[index]! * second[index]!;
    firstSquare += first[index]! ** 2;
    secondSquare += second[index]! ** 2;
  }
  const norm = Math.sqrt(firstSquare * secondSquare);
  return norm === 0 ? 0 : dot / norm;
}
