import { isDiskFull, RatchetError } from '../../config/errors.js';

/**
 * Turns a file-system error into the fault a user can act on: a full disk (`E_DISK_FULL`), a folder that cannot be
 * written (`E_DATA_FOLDER`), a missing file (`E_NOT_FOUND`). Any other value is returned unchanged.
 */
export function diskError(error: unknown, doing: string): unknown {
  if (isDiskFull(error))
    return new RatchetError('E_DISK_FULL', `No space left on the disk while ${doing}.`, {
      hint: 'Free some space (old checkpoints and runs are the largest files), then start again: the run resumes.',
      cause: error,
    });
  const code = typeof error === 'object' && error !== null ? (error as NodeJS.ErrnoException).code : undefined;
  switch (code) {
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new RatchetError('E_DATA_FOLDER', `Permission denied while ${doing} (${code}).`, {
        hint: 'Give this user write access to the folder, or choose another data folder.',
        cause: error,
      });
    case 'ENOTDIR':
    case 'EEXIST':
      return new RatchetError('E_DATA_FOLDER', `A file is where a folder should be, while ${doing} (${code}).`, {
        hint: 'Move the file away, or choose another data folder.',
        cause: error,
      });
    case 'ENOENT':
      return new RatchetError('E_NOT_FOUND', `A file or folder is missing while ${doing}.`, {
        hint: 'Check the path.',
        cause: error,
      });
    default:
      return error;
  }
}
