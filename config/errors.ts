/** Brand shared by every Ratchet error; `instanceof` fails across the workflow sandbox. */
const BRAND = Symbol.for('ratchet.error');

/** Every fault Ratchet reports. The CLI exit code and the Temporal failure type derive from the code. */
export const ERROR_CODES = {
  E_CONFIG_INVALID: {
    exitCode: 2,
    retryable: false,
    meaning: 'A key of the configuration is unknown, missing or out of range.',
  },
  E_USAGE: { exitCode: 2, retryable: false, meaning: 'A command or query was written wrongly.' },
  E_DATA_INVALID: { exitCode: 3, retryable: false, meaning: 'A row or file of data breaks its format.' },
  E_MODEL_INVALID: { exitCode: 3, retryable: false, meaning: 'A model or adapter folder cannot be used.' },
  E_CHECKPOINT_CORRUPT: { exitCode: 3, retryable: false, meaning: 'A checkpoint fails its checksum.' },
  E_DATA_FOLDER: { exitCode: 4, retryable: false, meaning: 'The data folder cannot be created, read or written.' },
  E_DISK_FULL: { exitCode: 4, retryable: true, meaning: 'The disk has no space left.' },
  E_STORE: { exitCode: 4, retryable: true, meaning: 'The database failed or is closed.' },
  E_STORAGE: { exitCode: 5, retryable: true, meaning: 'The storage that hosts share artifacts through failed.' },
  E_SERVER_UNAVAILABLE: { exitCode: 5, retryable: true, meaning: 'No Temporal server can be reached or started.' },
  E_PROVIDER: { exitCode: 5, retryable: true, meaning: 'A language-model provider failed or broke its protocol.' },
  E_LOCKED: { exitCode: 5, retryable: true, meaning: 'Another process owns the file or port.' },
  E_NOT_FOUND: { exitCode: 6, retryable: false, meaning: 'What was named does not exist.' },
  E_MODEL_MISSING: {
    exitCode: 6,
    retryable: true,
    meaning: 'A model is neither on this machine nor can it be downloaded.',
  },
  E_BUDGET: { exitCode: 7, retryable: false, meaning: 'A call would exceed a limit on tokens or money.' },
  E_OUT_OF_MEMORY: {
    exitCode: 7,
    retryable: false,
    meaning: 'The device or the machine has too little memory for the batch.',
  },
  E_NUMERIC: { exitCode: 7, retryable: false, meaning: 'A loss or gradient is not finite.' },
  E_INTERNAL: { exitCode: 1, retryable: true, meaning: 'A fault of Ratchet itself.' },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** A fault with a stable code, a sentence on what is wrong and a hint on what to do next. */
export class RatchetError extends Error {
  readonly [BRAND] = true;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RatchetError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
  }
}

/** True for a {@link RatchetError} of any realm. */
export function isRatchetError(error: unknown): error is RatchetError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

const PROGRAMMING_ERRORS = ['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError', 'ZodError'];

/** True for a fault of the program itself: trying again cannot help. */
export function isProgrammingError(error: Error): boolean {
  return PROGRAMMING_ERRORS.includes(error.name);
}

/** True where V8 found no memory for an array; it says so by a `RangeError`, as of an index that is out of range. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('allocation failed');
}

/** True for what the operating system says of a disk, a quota or a file that is full. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as { code?: string } | null)?.code ?? '');
}
