import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { diskError } from './disk-error.js';

/** SHA-256 (hex) of a file, read in pieces. @throws RatchetError `E_NOT_FOUND`, `E_DATA_FOLDER` */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    throw diskError(error, `reading ${file}`);
  }
  return hash.digest('hex');
}
