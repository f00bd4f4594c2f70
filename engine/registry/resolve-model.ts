import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { diskError } from '../formats/disk-error.js';
import { writeAtomic } from '../formats/atomic-write.js';
import { downloadFile, request, type DownloadOptions } from './download-file.js';
import { wantedFiles } from './hub-files.js';
import { registeredModel } from './model-list.js';

export interface ResolveOptions extends DownloadOptions {
  /** Where downloaded models are kept, one folder for each repository and revision. */
  cacheFolder: string;
  /** Branch, tag or commit; `main` when left out. */
  revision?: string;
  /** The hub's address; https://huggingface.co when left out. */
  endpoint?: string;
}

/** What a finished download leaves beside its folder: the commit that the revision was, and its files. */
interface Finished {
  commit: string;
  files: { name: string; size: number }[];
}

/**
 * The folder of a model: a local folder as it is, a hub repository (`owner/name`) or a registered id from the cache, or
 * downloaded into it. Interrupted downloads are continued; every file is checked against the hub's checksum.
 *
 * @throws RatchetError `E_MODEL_MISSING` when it is neither here nor can be had, `E_MODEL_INVALID`, `E_DISK_FULL`
 */
export async function resolveModel(name: string, options: ResolveOptions): Promise<string> {
  if (await isFile(join(name, 'config.json'))) return name;
  const repository = registeredModel(name)?.hub ?? name;
  const part = '[A-Za-z0-9][A-Za-z0-9._-]{0,95}';
  if (!new RegExp(`^${part}/${part}$`).test(repository))
    throw new RatchetError('E_MODEL_MISSING', `${name} is neither a folder with a config.json nor a known model.`, {
      hint: 'Give a model folder, a hub repository such as openai-community/gpt2, or an id of the registry.',
      retryable: false,
    });
  const revision = options.revision ?? 'main';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/.test(revision))
    throw new RatchetError('E_USAGE', `The revision "${revision}" is not a branch, tag or commit.`);
  const cached = join(options.cacheFolder, repository.replace('/', '--'));
  const finished = join(cached, `${revision}.json`);
  const known = await finishedFolder(cached, finished);
  if (known !== null) return known;

  const endpoint = (options.endpoint ?? 'https://huggingface.co').replace(/\/+$/, '');
  const { token, signal } = options;
  const url = `${endpoint}/api/models/${repository}/revision/${revision}?blobs=true`;
  const response = await request(url, { token, signal });
  const answer: unknown = await response.json().catch(() => null);
  const { commit, files } = wantedFiles(url, answer);
  const folder = join(cached, commit);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw diskError(error, `creating ${folder}`);
  });
  for (const file of files) {
    // A finished file of an interrupted download was checked when it got its name.
    const path = join(folder, file.name);
    if (!(await isFile(path, file.size)))
      await downloadFile(`${endpoint}/${repository}/resolve/${commit}/${file.name}`, path, file, options);
  }
  const record: Finished = { commit, files: files.map(({ name: file, size }) => ({ name: file, size })) };
  await writeAtomic(finished, [Buffer.from(`${JSON.stringify(record, null, 2)}\n`)]);
  return folder;
}

async function isFile(path: string, size?: number): Promise<boolean> {
  const status = await stat(path).catch(() => null);
  return status !== null && status.isFile() && (size === undefined || status.size === size);
}

/** The folder of a finished download whose files are all still there; null otherwise. */
async function finishedFolder(cached: string, path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  const { commit, files } = JSON.parse(text) as Finished;
  const folder = join(cached, commit);
  const present = await Promise.all(files.map(({ name, size }) => isFile(join(folder, name), size)));
  return present.every(Boolean) ? folder : null;
}
