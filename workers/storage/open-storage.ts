import path from 'node:path';
import { RatchetError } from '../../config/errors.js';
import type { RatchetConfig } from '../../config/schema.js';
import type { ArtifactStorage } from './artifact-storage.js';
import { FolderStorage } from './folder-storage.js';
import { openS3Storage } from './s3-storage.js';

/**
 * The storage that `storage.kind` names; null where the data folder itself is what all workers see.
 *
 * @throws RatchetError `E_CONFIG_INVALID`
 */
export async function openStorage({ kind, folder, s3 }: RatchetConfig['storage']): Promise<ArtifactStorage | null> {
  const needs = (key: string) =>
    new RatchetError('E_CONFIG_INVALID', `storage.kind is ${kind}, but storage.${key} is empty.`, {
      hint: `Set storage.${key}, or choose another storage.kind.`,
    });
  if (kind === 'data-folder') return null;
  if (kind === 'folder') {
    if (folder === '') throw needs('folder');
    return new FolderStorage(path.resolve(folder));
  }
  if (s3.bucket === '') throw needs('s3.bucket');
  return openS3Storage(s3);
}
