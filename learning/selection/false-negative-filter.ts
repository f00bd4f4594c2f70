import type { ArtifactType } from '../../config/domain.js';
import { levenshteinSimilarity } from '../metrics/levenshtein.js';
import type { Outcome } from './hard-negative-miner.js';

/** An answer known to be right: a user's correction, an answer a user approved, or one the validator gives 100. */
export interface KnownAnswer {
  artifactType: ArtifactType;
  input: string;
  output: string;
}

export interface FilterOptions {
  /** Similarity 0–1 to a known answer from which a failure is none; default 0.95. */
  similarity?: number;
  /** Ids of outcomes that a user approved of. */
  approved?: ReadonlySet<string>;
}

export interface FilteredFailures<T extends Outcome> {
  /** In the order given. */
  kept: T[];
  falseNegatives: { failure: T; reason: string }[];
}

/**
 * R10: takes failures out that are not: an answer that a user approved whatever its score, and one that is, up to case
 * and white space or to a small edit (Levenshtein), a known right answer to the same request. A low score then speaks
 * against the validator, not against the model (positive-aware mining; Moreira et al., "NV-Retriever", 2024). An answer
 * far from every known one stays: that is what makes it a failure.
 */
export function filterFalseNegatives<T extends Outcome>(
  failures: readonly T[],
  known: readonly KnownAnswer[],
  options: FilterOptions = {},
): FilteredFailures<T> {
  const { similarity = 0.95, approved = new Set<string>() } = options;
  const answersTo = new Map<string, string[]>();
  for (const answer of known) {
    const key = requestKey(answer);
    const answers = answersTo.get(key);
    if (answers === undefined) answersTo.set(key, [normalize(answer.output)]);
    else answers.push(normalize(answer.output));
  }
  const result: FilteredFailures<T> = { kept: [], falseNegatives: [] };
  for (const failure of failures) {
    const output = normalize(failure.output);
    const likest = Math.max(
      0,
      ...(answersTo.get(requestKey(failure)) ?? []).map((right) => levenshteinSimilarity(output, right)),
    );
    if (approved.has(failure.id)) result.falseNegatives.push({ failure, reason: 'a user approved the answer' });
    else if (likest >= similarity)
      result.falseNegatives.push({ failure, reason: `the answer is ${likest.toFixed(2)} like a right one` });
    else result.kept.push(failure);
  }
  return result;
}

const normalize = (text: string) => text.toLowerCase().replace(/\s+/g, ' ').trim();

const requestKey = ({ artifactType, input }: { artifactType: ArtifactType; input: string }) =>
  JSON.stringify([artifactType, normalize(input)]);
