import { isRatchetError, type ErrorCode, ERROR_CODES } from '../../../config/errors.js';
import { systemFault } from '../../../config/system-fault.js';
import { workflowFault } from '../workflow-fault.js';
import { printable } from './printable.js';
import type { Style } from './style.js';

/** A fault in the words of the command line. */
export interface Fault {
  code: ErrorCode;
  message: string;
  hint: string | null;
  exitCode: number;
  stack: string | null;
}

/**
 * Any thrown value as a fault: Ratchet's own, also where Temporal wraps it, and those of the operating system. Anything else
 * is a fault of the program.
 */
export function toFault(error: unknown): Fault {
  const stack = error instanceof Error ? (error.stack ?? null) : null;
  const inner = workflowFault(error);
  const known = isRatchetError(inner) ? inner : systemFault(error);
  if (known !== null) {
    const { code, message, hint } = known;
    return { code, message, hint: hint ?? null, exitCode: ERROR_CODES[code].exitCode, stack };
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = 'This is a fault of Ratchet; give the command again with --verbose to see where it happened.';
  return { code: 'E_INTERNAL', message, hint, exitCode: ERROR_CODES.E_INTERNAL.exitCode, stack };
}

/** `error E_CODE: message`, `hint: …`, and the stack when asked for. */
export function faultLines(fault: Fault, style: Style, verbose: boolean): string[] {
  return [
    `${style.red(`error ${fault.code}:`)} ${printable(fault.message)}`,
    ...(fault.hint === null ? [] : [`${style.cyan('hint:')} ${printable(fault.hint)}`]),
    ...(verbose && fault.stack !== null ? [style.dim(printable(fault.stack))] : []),
  ];
}
