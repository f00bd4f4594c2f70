import type { ArtifactType, ExampleRow } from '../../config/domain.js';
import { normalizedText } from './split.js';

/** Whether a request is one that models are judged on. */
export type IsHeldOut = (artifactType: ArtifactType, input: string) => boolean;

/** Whether a request, or one that differs by case and punctuation alone, has a label that trainings are validated on. */
export function heldOutRequests(examples: readonly ExampleRow[]): IsHeldOut {
  const key = (artifactType: ArtifactType, input: string) => JSON.stringify([artifactType, normalizedText(input)]);
  const held = new Set(
    examples.filter((row) => row.split === 'validation').map((row) => key(row.artifactType, row.input)),
  );
  return (artifactType, input) => held.has(key(artifactType, input));
}
