import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { writeModelFolder } from '../../engine/formats/model-folder.js';
import { loadAdaptedModel } from '../../engine/generate/load-adapted-model.js';
import { fileSha256 } from '../../engine/formats/file-sha256.js';
import { findModel } from './find-model.js';
import type { JobContext, MergeJob } from './messages.js';

export interface MergeResult {
  outputDir: string;
  /** SHA-256 of the written model.safetensors. */
  sha256: string;
}

/**
 * Writes a model folder with the adapter folded into the weights, in float32.
 *
 * @throws RatchetError `E_USAGE` for a folder that is not empty; `E_MODEL_INVALID`; `E_DISK_FULL`
 */
export async function runMergeJob(job: MergeJob, context: JobContext): Promise<MergeResult> {
  const outputDir = path.resolve(job.outputDir);
  if (existsSync(outputDir) && readdirSync(outputDir).length > 0)
    throw new RatchetError('E_USAGE', `${outputDir} is not empty.`, { hint: 'Choose a new folder with --output-dir.' });
  const modelDir = await findModel(job.model, job.modelCache, context);
  const { config, weights } = await loadAdaptedModel(modelDir, job.adapter);
  await writeModelFolder(outputDir, modelDir, weights, config);
  return { outputDir, sha256: await fileSha256(path.join(outputDir, 'model.safetensors')) };
}
