import type { ArtifactType } from '../../config/domain.js';
import { TokenSetIndex } from './token-sets.js';

/** A request that no model was trained on, and how many points (of 100) its answer gained by the round's training. */
export interface HeldOutGain {
  artifactType: ArtifactType;
  input: string;
  gain: number;
}

/**
 * What each label was worth: the mean gain of the held-out requests of its type, each weighted by how alike it is to
 * the label's request (Jaccard index of words and word pairs); a kernel regression of the gain. In points; 0 for a label
 * that is like no held-out request. One number a label, in the order given.
 */
export function labelYields(
  labels: readonly { artifactType: ArtifactType; input: string }[],
  heldOut: readonly HeldOutGain[],
): number[] {
  const index = new TokenSetIndex([...heldOut, ...labels].map((row) => row.input));
  return labels.map(({ artifactType }, label) => {
    const likeness = index.similaritiesTo(heldOut.length + label);
    let [sum, weight] = [0, 0];
    heldOut.forEach((row, place) => {
      if (row.artifactType !== artifactType) return;
      sum += likeness[place]! * row.gain;
      weight += likeness[place]!;
    });
    return weight === 0 ? 0 : sum / weight;
  });
}
