import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { RatchetError } from '../config/errors.js';

/**
 * SHA-256 (hex) of a file, read in pieces.
 *
 * @throws RatchetError `E_NOT_FOUND`
 */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new RatchetError('E_NOT_FOUND', `${file} is gone from the data folder.`, {
      hint: 'Restore the data folder, or start the loop again with --fresh.',
      cause: error,
    });
  }
  return hash.digest('hex');
}
