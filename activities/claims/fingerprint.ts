import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { BASE_TYPES, type ArtifactType } from '../../config/domain.js';
import { configHash } from '../../config/hash.js';
import { stream } from '../../config/random.js';
import { corruptArtifact, estimateDifficulty, generateTasks, validateArtifact } from '../../datasets/index.js';

/**
 * SHA-256 over what the generators draw and the validators say: 150 tasks of each distribution and of these types, with
 * their references, difficulties and the scores of a corrupted answer. Another generator or validator has another
 * fingerprint.
 */
export function generatorSha256(artifactTypes: readonly ArtifactType[] = BASE_TYPES): string {
  const random = stream(0, 'claims', 'fingerprint');
  const facts = (['easy', 'target'] as const).flatMap((distribution) =>
    generateTasks({ seed: 0, purpose: 'claims-fingerprint', count: 150, distribution, artifactTypes }).map((task) => {
      const { artifactType, specification, reference } = task;
      const corrupted = corruptArtifact(artifactType, specification, random);
      return {
        ...task,
        difficulty: estimateDifficulty(artifactType, specification),
        scores: [reference, corrupted].map((text) => validateArtifact(artifactType, specification, text).score),
      };
    }),
  );
  return configHash(facts);
}

/** SHA-256 of a model's weights. */
export async function modelSha256(folder: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path.join(folder, 'model.safetensors')))
    .digest('hex');
}
