import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { storageFault } from './storage-fault.js';
import type { ArtifactStorage } from './artifact-storage.js';

/** Artifacts in a folder that all hosts see, such as a network mount. */
export class FolderStorage implements ArtifactStorage {
  constructor(private readonly folder: string) {}

  async has(key: string): Promise<boolean> {
    return stat(this.path(key)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw storageFault(`looking for ${key} in ${this.folder}`, error);
      },
    );
  }

  async upload(key: string, file: string): Promise<void> {
    const target = this.path(key);
    const temporary = `${target}.${randomUUID()}.tmp`;
    try {
      await mkdir(path.dirname(target), { recursive: true });
      await copyFile(file, temporary);
      const handle = await open(temporary, 'r+');
      await handle.sync().finally(() => handle.close());
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storageFault(`writing ${key} to ${this.folder}`, error);
    }
  }

  async download(key: string, file: string): Promise<boolean> {
    try {
      await copyFile(this.path(key), file);
      return true;
    } catch (error) {
      if (!(await this.has(key))) return false;
      throw storageFault(`reading ${key} from ${this.folder}`, error);
    }
  }

  close(): void {}

  private path(key: string): string {
    return path.join(this.folder, key);
  }
}
