/** Brand shared by every Ratchet error; `instanceof` fails across the workflow sandbox. */
const BRAND = Symbol.for('ratchet.error');

/** Every fault Ratchet reports. The CLI exit code and the Temporal failure type derive from the code. */
export const ERROR_CODES = {
  E_CONFIG_INVALID: { exitCode: 2, retryable: false },
  E_USAGE: { exitCode: 2, retryable: false },
  E_DATA_INVALID: { exitCode: 3, retryable: false },
  E_MODEL_INVALID: { exitCode: 3, retryable: false },
  E_CHECKPOINT_CORRUPT: { exitCode: 3, retryable: false },
  E_DATA_FOLDER: { exitCode: 4, retryable: false },
  E_DISK_FULL: { exitCode: 4, retryable: true },
  E_STORE: { exitCode: 4, retryable: true },
  E_SERVER_UNAVAILABLE: { exitCode: 5, retryable: true },
  E_LOCKED: { exitCode: 5, retryable: true },
  E_NOT_FOUND: { exitCode: 6, retryable: false },
  E_OUT_OF_MEMORY: { exitCode: 7, retryable: false },
  E_NUMERIC: { exitCode: 7, retryable: false },
  E_INTERNAL: { exitCode: 1, retryable: true },
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
