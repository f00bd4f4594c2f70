import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ActivityInterceptors } from '@temporalio/worker';
import { removeLeftovers } from '../../engine/formats/atomic-write.js';
import { fileSha256 } from '../../engine/formats/file-sha256.js';
import { resolveInside } from '../../activities/artifacts.js';
import { RatchetError } from '../../config/errors.js';
import { sha256 as textSha256 } from '../../config/hash.js';
import type { ArtifactStorage } from './artifact-storage.js';

/** What a reference stands for: rows in a file, or a model's folder. */
interface Reference {
  /** Relative to the data folder. */
  uri: string;
  sha256: string;
}

/** The files of one artifact, by name below it ('' for an artifact that is a file); the contents lie by their hashes. */
interface Manifest {
  files: { name: string; sha256: string }[];
}

const WEIGHTS = ['adapter_model.safetensors', 'model.safetensors'];
/** Downloads of one file before it is given up as damaged. */
const ATTEMPTS = 3;

/**
 * Lets workers with data folders of their own work on the same artifacts. Between activities travel references alone: before
 * an activity the files behind its input are fetched, unless they are there; before its result is reported the files behind
 * that are stored. Contents are stored by SHA-256, which is checked after every download; a manifest says which belong to an
 * artifact and is written last, so that an artifact appears whole.
 */
export class ArtifactExchange {
  constructor(
    private readonly dataFolder: string,
    private readonly storage: ArtifactStorage,
  ) {}

  /** Wraps every activity of a worker. */
  intercept = (): ActivityInterceptors => ({
    inbound: {
      execute: async (input, next) => {
        for (const reference of referencesIn(input.args)) await this.obtain(reference);
        const result = await next(input);
        for (const reference of referencesIn(result)) await this.publish(reference);
        return result;
      },
    },
  });

  /** Stores a local artifact, the manifest last. */
  async publish({ uri, sha256 }: Reference): Promise<void> {
    const local = resolveInside(this.dataFolder, uri);
    const names = (await stat(local)).isDirectory() ? await filesBelow(local) : [''];
    const files: Manifest['files'] = [];
    for (const name of names) {
      const file = path.join(local, name);
      const contents = await fileSha256(file);
      if (!(await this.storage.has(blobKey(contents)))) await this.storage.upload(blobKey(contents), file);
      files.push({ name, sha256: contents });
    }
    const temporary = await this.temporary();
    try {
      await writeFile(temporary, JSON.stringify({ files } satisfies Manifest));
      await this.storage.upload(manifestKey({ uri, sha256 }), temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /**
   * Makes sure that an artifact lies in the data folder with the contents that are meant.
   *
   * @throws RatchetError `E_NOT_FOUND` when the storage does not have it, `E_DATA_INVALID` when what it has is damaged
   */
  async obtain(reference: Reference): Promise<void> {
    const local = resolveInside(this.dataFolder, reference.uri);
    if (await isThere(local, reference.sha256)) return;
    const manifest = await this.manifest(reference);
    const temporary = await this.temporary();
    try {
      for (const { name, sha256 } of manifest.files) {
        // A manifest comes from outside: no name may lead out of its artifact.
        const target = name === '' ? temporary : resolveInside(temporary, name);
        await mkdir(path.dirname(target), { recursive: true });
        await this.fetch(sha256, target);
      }
      await mkdir(path.dirname(local), { recursive: true });
      await rm(local, { recursive: true, force: true });
      await rename(temporary, local);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  private async manifest(reference: Reference): Promise<Manifest> {
    const temporary = await this.temporary();
    try {
      if (!(await this.storage.download(manifestKey(reference), temporary)))
        throw new RatchetError('E_NOT_FOUND', `${reference.uri} is neither on this host nor in the artifact storage.`, {
          hint: 'All workers must have the same storage.* settings; the worker that made it may have had others.',
        });
      return JSON.parse(await readFile(temporary, 'utf8')) as Manifest;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  private async fetch(sha256: string, file: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if ((await this.storage.download(blobKey(sha256), file)) && (await fileSha256(file)) === sha256) break;
      if (attempt === ATTEMPTS)
        throw new RatchetError('E_DATA_INVALID', `The artifact storage has no undamaged ${blobKey(sha256)}.`, {
          hint: 'Delete that object; the next attempt of what made it stores it again.',
        });
    }
    const handle = await open(file, 'r+');
    await handle.sync().finally(() => handle.close());
  }

  /** Deletes what processes that were killed have left half fetched; for the start of a worker. */
  async clear(): Promise<void> {
    await removeLeftovers(this.downloads(), '');
  }

  /** A name that no other download has, not even one of a killed process that had this one's pid. */
  private async temporary(): Promise<string> {
    await mkdir(this.downloads(), { recursive: true });
    return path.join(this.downloads(), randomUUID());
  }

  private downloads(): string {
    return path.join(this.dataFolder, 'run', 'exchange');
  }
}

const blobKey = (sha256: string): string => `contents/${sha256.slice(0, 2)}/${sha256}`;
/** By content as well: two attempts at one artifact do not write over each other. */
const manifestKey = ({ uri, sha256 }: Reference): string => `artifacts/${textSha256(`${uri}\n${sha256}`)}.json`;

async function isThere(local: string, sha256: string): Promise<boolean> {
  if (!existsSync(local)) return false;
  const isFolder = (await stat(local)).isDirectory();
  const file = isFolder ? WEIGHTS.map((name) => path.join(local, name)).find(existsSync) : local;
  return file !== undefined && (await fileSha256(file)) === sha256;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Every reference to rows (`uri`) or to a model (`path`) in an activity's input or result, each once. */
function referencesIn(value: unknown): Reference[] {
  const found = new Map<string, Reference>();
  const walk = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    const { uri, path: folder, sha256 } = part as Record<string, unknown>;
    const place = uri ?? folder;
    if (typeof place === 'string' && typeof sha256 === 'string')
      found.set(`${place} ${sha256}`, { uri: place, sha256 });
    for (const member of Object.values(part)) walk(member);
  };
  walk(value);
  return [...found.values()];
}
