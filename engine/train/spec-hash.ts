import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { configHash } from '../../config/hash.js';
import type { TrainSpec } from '../api.js';
import { diskError } from '../formats/disk-error.js';
import { fileSha256 } from '../formats/file-sha256.js';
import { segmentStateHash } from './segment.js';

/** Raised when the same spec would train to other bits, so that older checkpoints are not continued. */
const ALGORITHM = 3;

async function folderHashes(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw diskError(error, `reading ${folder}`);
  });
  const wanted = names.filter(
    (name) =>
      /\.safetensors(\.index\.json)?$/.test(name) ||
      /config\.json$|^tokenizer\.json$|^special_tokens_map\.json$|^chat_template\.jinja$/.test(name),
  );
  const hashes: Record<string, string> = {};
  for (const name of wanted.sort()) hashes[name] = await fileSha256(join(folder, name));
  return hashes;
}

/** Identity of a training run: everything that decides its result, by content and not by path. */
export async function specHash(spec: TrainSpec): Promise<string> {
  return configHash({
    algorithm: ALGORITHM,
    strategy: spec.strategy,
    seed: spec.seed,
    newHead: spec.newHead,
    parameters: spec.parameters,
    objective: spec.objective && { ...spec.objective, teacherDir: undefined },
    teacher: spec.objective?.kind === 'distillation' ? await folderHashes(spec.objective.teacherDir) : undefined,
    origin: spec.origin,
    patience: spec.patience ?? null,
    minimumImprovement: spec.minimumImprovement,
    validateEverySteps: spec.validateEverySteps,
    shuffleFirstEpoch: spec.shuffleFirstEpoch ?? true,
    model: await folderHashes(spec.modelDir),
    initial: spec.initialAdapterDir === undefined ? null : await folderHashes(spec.initialAdapterDir),
    train: await fileSha256(spec.trainFile),
    validation: spec.validationFile === undefined ? null : await fileSha256(spec.validationFile),
    segment: spec.segment && {
      ...spec.segment,
      previousDir: undefined,
      previous: await segmentStateHash(spec.segment),
    },
  });
}
