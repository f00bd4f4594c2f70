import type { ArtifactType } from '../../config/domain.js';
import { canonicalJson, sha256 } from '../../config/hash.js';

/** Where a pair comes from: ranked answers to one request, a user's edit or comparison of answers, or thumbs up and down. */
export type PreferenceSource = 'ranking' | 'edit' | 'comparison' | 'thumbs';

/** A better and a worse answer to one request. The first four fields are the row that the engine's DPO trains on. */
export interface PreferencePair {
  /** Equal for equal pairs, whatever they come from. */
  id: string;
  prompt: string;
  chosen: string;
  rejected: string;
  artifactType: ArtifactType;
  source: PreferenceSource;
  /** How much better, 0 … 1: the difference of the scores ÷ 100, or for an unscored edit and a comparison 1 − similarity. */
  margin: number;
  /** Feedback events behind the pair; empty for fresh generations. */
  eventIds: string[];
}

/** A pair with its id. */
export function preferencePair(parts: Omit<PreferencePair, 'id'>): PreferencePair {
  const { artifactType, prompt, chosen, rejected } = parts;
  return { id: pairId(artifactType, prompt, chosen, rejected), ...parts };
}

export const pairId = (artifactType: ArtifactType, prompt: string, chosen: string, rejected: string): string =>
  sha256(canonicalJson([artifactType, prompt, chosen, rejected])).slice(0, 32);

/** The row of a pair as the engine's preference objectives read it. */
export function preferenceRow({ id, prompt, chosen, rejected }: PreferencePair) {
  return { id, prompt, chosen, rejected };
}
