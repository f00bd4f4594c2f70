import { isRatchetError, type ErrorCode, ERROR_CODES } from '../../../config/errors.js';
import type { Style } from './style.js';

/** A fault in the words of the command line. */
export interface Fault {
  code: ErrorCode;
  message: string;
  hint: string | null;
  exitCode: number;
  stack: string | null;
}

/** Any thrown value as a fault; what is not a Ratchet error is a fault of the program. */
export function toFault(error: unknown): Fault {
  const stack = error instanceof Error ? (error.stack ?? null) : null;
  if (isRatchetError(error)) {
    const { code, message, hint } = error;
    return { code, message, hint: hint ?? null, exitCode: ERROR_CODES[code].exitCode, stack };
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = 'This is a fault of Ratchet; give the command again with --verbose to see where it happened.';
  return { code: 'E_INTERNAL', message, hint, exitCode: ERROR_CODES.E_INTERNAL.exitCode, stack };
}

/** `error E_CODE: message`, `hint: …`, and the stack when asked for. */
export function faultLines(fault: Fault, style: Style, verbose: boolean): string[] {
  return [
    `${style.red(`error ${fault.code}:`)} ${fault.message}`,
    ...(fault.hint === null ? [] : [`${style.cyan('hint:')} ${fault.hint}`]),
    ...(verbose && fault.stack !== null ? [style.dim(fault.stack)] : []),
  ];
}
