import { stream } from '../../../config/random.js';
import { compileProgram, interpret, type Value } from '../../program/interpret.js';
import { ProgramError } from '../../program/syntax.js';
import { runSpecification } from '../code-prototype.js';
import type { Statement } from '../grammar.js';
import type { Validation } from './parts.js';

/** The 20 hidden inputs: empty, single, negative, repeated, and 14 drawn once with 3–9 values from −12 … 12. */
export const HIDDEN_INPUTS: readonly (readonly number[])[] = (() => {
  const source = stream(7, 'hidden tests');
  const drawn = Array.from({ length: 14 }, () =>
    Array.from({ length: 3 + source.integer(7) }, () => source.integer(25) - 12),
  );
  return [[], [0], [5], [-3], [2, 2, 3], [7, 7, 7], ...drawn];
})();

/**
 * Scores the body of `(xs: number[]) => …` (requirements §3): 10 for a program of the expression language, 10 for
 * correct types, 80 × the share of the hidden tests passed. The program runs in the fuel-limited interpreter.
 */
export function validateCode(statements: readonly Statement[], output: string): Validation {
  const parts = { parse: 0, types: 0, tests: 0 };
  const reasons: string[] = [];
  try {
    const compiled = compileProgram(output);
    parts.parse = parts.types = 1;
    let passed = 0;
    for (const input of HIDDEN_INPUTS) {
      const wanted = runSpecification(statements, input);
      const found = attempt(() => interpret(compiled, input));
      if (sameValue(found, wanted)) passed++;
      else if (reasons.length < 3) reasons.push(`for ${show(input)} it gives ${show(found)}, not ${show(wanted)}`);
    }
    parts.tests = passed / HIDDEN_INPUTS.length;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    if (error.kind === 'type') parts.parse = 1;
    reasons.push(`${error.kind}: ${error.message}`);
  }
  const score = parts.tests === 1 ? 100 : 10 * parts.parse + 10 * parts.types + 80 * parts.tests;
  return { score, reasons, parts };
}

function attempt(run: () => Value): Value | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof ProgramError) return `no value (${error.message})`;
    throw error;
  }
}

/** Equal numbers or lists of them; NaN equals NaN, −0 equals 0. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  return a === b || (typeof a === 'number' && typeof b === 'number' && Number.isNaN(a) && Number.isNaN(b));
}

function show(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}
