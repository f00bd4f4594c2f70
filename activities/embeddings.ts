import { Context } from '@temporalio/activity';
import type { ArtifactRef, FeedbackEvent } from '../config/domain.js';
import { RatchetError } from '../config/errors.js';
import { sha256 } from '../config/hash.js';
import type { Engine } from '../engine/index.js';
import { baseModelFolder, RoundFiles, type Dependencies } from './dependencies.js';
import type { EmbeddingRow, GpuActivities } from './interfaces.js';

/** Digits that are kept: a vector is a unit vector, and comparing texts needs no more. */
const DIGITS = 6;

/** Before stage 2, where texts are compared by embeddings: the base model's pooled states of the round's texts. */
export function createEmbeddingActivities(
  deps: Dependencies & { engine: Engine },
): Pick<GpuActivities, 'embedFeedback'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async embedFeedback({ key, config, feedbackRef }) {
      const context = Context.current();
      const texts = new Set<string>();
      for (const event of await files.read<FeedbackEvent>(feedbackRef)) {
        texts.add(event.input_data);
        if (event.corrected_output !== undefined) texts.add(event.ai_output).add(event.corrected_output);
      }
      const ordered = [...texts].sort();
      const vectors = await deps.engine.embed(
        { modelDir: baseModelFolder(config), adapterDir: null, texts: ordered },
        { signal: context.cancellationSignal, onProgress: (done, total) => context.heartbeat({ done, total }) },
      );
      const rows = ordered.map((text, place): EmbeddingRow => {
        return { text: sha256(text), vector: [...vectors[place]!].map((value) => Number(value.toFixed(DIGITS))) };
      });
      return files.write(key, 'embeddings', rows);
    },
  };
}

/**
 * Looks the vectors of texts up.
 * @throws RatchetError `E_INTERNAL` for a text that was not embedded
 */
export async function readEmbeddings(
  files: RoundFiles,
  ref: ArtifactRef,
): Promise<(text: string) => readonly number[]> {
  const vectors = new Map((await files.read<EmbeddingRow>(ref)).map((row) => [row.text, row.vector]));
  return (text) => {
    const vector = vectors.get(sha256(text));
    if (vector !== undefined) return vector;
    throw new RatchetError('E_INTERNAL', `A text of ${text.length} characters was not embedded.`);
  };
}
