import { RatchetError } from '../../config/errors.js';

/** One file of a hub repository. */
export interface HubFile {
  name: string;
  size: number;
  /** SHA-256 of a large file's bytes; null where git's own hash stands for it. */
  sha256: string | null;
  /** SHA-1 of git's blob. */
  blob: string | null;
}

/** Everything a model folder needs; no other name is taken from the hub's list. */
const WANTED = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'model.safetensors',
  'model.safetensors.index.json',
]);
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;

/**
 * The files to fetch from the hub's answer to `/api/models/ID/revision/REVISION?blobs=true`: those of a model folder, by
 * name, so that no path of the server's choosing is ever written. A checkpoint in one file makes shards unneeded.
 *
 * @returns the commit, and the files, small ones first
 * @throws RatchetError `E_MODEL_INVALID` when the answer is not what the hub answers, or the weights are not safetensors
 */
export function wantedFiles(source: string, answer: unknown): { commit: string; files: HubFile[] } {
  const invalid = (problem: string, hint = 'Try again later, or download the model by hand and give its folder.') =>
    new RatchetError('E_MODEL_INVALID', `${source}: ${problem}`, { hint });
  const { sha, siblings } = (answer ?? {}) as { sha?: unknown; siblings?: unknown };
  if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(siblings))
    throw invalid('the hub did not answer with a commit and a list of files.');
  const files: HubFile[] = [];
  for (const entry of siblings as unknown[]) {
    const { rfilename: name, size, blobId, lfs } = (entry ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || !(WANTED.has(name) || SHARD.test(name))) continue;
    if (files.some((file) => file.name === name)) throw invalid(`the hub lists ${name} twice.`);
    const sha256 = (lfs as { sha256?: unknown } | null | undefined)?.sha256 ?? null;
    const hash = (value: unknown, digits: number) =>
      typeof value === 'string' && new RegExp(`^[0-9a-f]{${digits}}$`).test(value) ? value : null;
    const file = { name, size: size as number, sha256: hash(sha256, 64), blob: hash(blobId, 40) };
    if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`the hub gives no size for ${name}.`);
    if (!file.sha256 && !file.blob) throw invalid(`the hub gives no checksum for ${name}.`);
    files.push(file);
  }
  const has = (name: string) => files.some((file) => file.name === name);
  if (!has('config.json')) throw invalid('it has no config.json.', 'Choose a repository that holds a model.');
  if (!has('model.safetensors') && !has('model.safetensors.index.json'))
    throw invalid(
      'it has no safetensors weights.',
      'Choose a revision or a copy of the model with safetensors weights.',
    );
  const kept = has('model.safetensors')
    ? files.filter(({ name }) => !SHARD.test(name) && name !== 'model.safetensors.index.json')
    : files;
  return { commit: sha, files: kept.toSorted((a, b) => a.size - b.size || (a.name < b.name ? -1 : 1)) };
}
