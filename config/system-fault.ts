import { isDiskFull, RatchetError, type ErrorCode } from './errors.js';

/** What the operating system says of a path, by its code. */
const FAULTS: Record<string, { code: ErrorCode; what: string; hint: string }> = {
  EACCES: { code: 'E_DATA_FOLDER', what: 'may not be used', hint: 'Mend its permissions, or name another.' },
  EPERM: { code: 'E_DATA_FOLDER', what: 'may not be used', hint: 'Mend its permissions, or name another.' },
  EROFS: { code: 'E_DATA_FOLDER', what: 'lies on a disk that can only be read', hint: 'Name another place.' },
  ENOTDIR: { code: 'E_DATA_FOLDER', what: 'is no folder, or lies in none', hint: 'Check the path.' },
  EISDIR: { code: 'E_DATA_INVALID', what: 'is a folder, and no file', hint: 'Name a file.' },
  ENOENT: { code: 'E_NOT_FOUND', what: 'does not exist', hint: 'Check the path.' },
};

/**
 * A fault of the operating system (permissions, a path of the wrong kind, a full disk) in our words; null for another.
 * `named` is told where the system names no path, as when a folder is read like a file.
 */
export function systemFault(error: unknown, named = 'What was named'): RatchetError | null {
  if (!(error instanceof Error)) return null;
  if (isDiskFull(error))
    return new RatchetError('E_DISK_FULL', `The disk is full: ${error.message}.`, {
      hint: 'Free some space, then give the command again.',
      cause: error,
    });
  const { code = '', path = named } = error as NodeJS.ErrnoException;
  if (!Object.hasOwn(FAULTS, code)) return null;
  const { what, hint, ...fault } = FAULTS[code]!;
  return new RatchetError(fault.code, `${path} ${what} (${code}).`, { hint, cause: error });
}
