import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostTensor, TrainResult, TrainSpec } from '../api.js';
import { writeAtomic, writeFolderAtomic } from '../formats/atomic-write.js';
import { modelConfigJson, writeModelFiles } from '../formats/model-folder.js';
import { writeAdapter } from '../formats/peft.js';
import type { ModelConfig } from '../nn/config.js';
import { withEmbeddingCopies } from '../peft/embedding-copies.js';
import type { LoraAdapter } from '../peft/lora.js';
import { fileSha256 } from '../formats/file-sha256.js';

/** What was trained and how it went; its presence says that the folder is complete. */
const RECORD = 'training.json';
const weightsFile = (spec: TrainSpec): string =>
  spec.strategy === 'full' ? 'model.safetensors' : 'adapter_model.safetensors';

/** The result of an earlier run of this very spec, or null where its folder is absent, another's or damaged. */
export async function storedResult(spec: TrainSpec, hash: string): Promise<TrainResult | null> {
  try {
    const record = JSON.parse(await readFile(join(spec.outputDir, RECORD), 'utf8')) as {
      specHash: string;
      result: TrainResult;
    };
    if (record.specHash !== hash) return null;
    if ((await fileSha256(join(spec.outputDir, weightsFile(spec)))) !== record.result.sha256) return null;
    return { ...record.result, outputDir: spec.outputDir };
  } catch {
    return null;
  }
}

/**
 * Writes the finished folder beside its place and renames it there, so that it appears complete or not at all. An older
 * folder of the same name is replaced.
 *
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function writeOutput(
  spec: TrainSpec,
  hash: string,
  trained: { config: ModelConfig; weights: ReadonlyMap<string, HostTensor>; adapter: LoraAdapter | null },
  outcome: Omit<TrainResult, 'sha256' | 'outputDir'>,
  hooks: {
    beforeWrite?: () => Promise<void>;
    /** Writes what else belongs into the folder. */ add?(folder: string): Promise<unknown>;
  } = {},
): Promise<TrainResult> {
  return writeFolderAtomic(spec.outputDir, async (temporary) => {
    if (trained.adapter) {
      await writeAdapter(temporary, {
        config: trained.adapter.config,
        tensors: withEmbeddingCopies(trained.config, trained.weights),
      });
      // The model's own config.json does not know the classes of a new head.
      if (trained.config.kind === 'classifier')
        await writeAtomic(join(temporary, 'config.json'), [
          Buffer.from(await modelConfigJson(spec.modelDir, trained.config)),
        ]);
    } else {
      await writeModelFiles(temporary, spec.modelDir, trained.weights, trained.config);
    }
    const sha256 = await fileSha256(join(temporary, weightsFile(spec)));
    const result: TrainResult = { ...outcome, sha256, outputDir: spec.outputDir };
    const { outputDir: _, ...stored } = result;
    const record = `${JSON.stringify({ specHash: hash, result: stored }, null, 2)}\n`;
    await writeAtomic(join(temporary, RECORD), [Buffer.from(record)]);
    await hooks.add?.(temporary);
    await hooks.beforeWrite?.();
    return result;
  });
}
