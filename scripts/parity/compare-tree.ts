import type { CaseRecorder } from './report.js';

/** How far a number may be off: |a − b| ≤ absolute + relative · |b|. */
export interface Tolerance {
  relative: number;
  absolute: number;
}

/** Where two values of one layout differ: path and both values, in the order met. */
export function treeDifferences(actual: unknown, expected: unknown, tolerance: Tolerance, path = ''): string[] {
  if (typeof expected === 'number') {
    if (
      typeof actual === 'number' &&
      Math.abs(actual - expected) <= tolerance.absolute + tolerance.relative * Math.abs(expected)
    )
      return [];
  } else if (expected === null) {
    if (actual === null || (typeof actual === 'number' && !Number.isFinite(actual))) return [];
  } else if (Array.isArray(expected)) {
    if (Array.isArray(actual) && actual.length === expected.length) {
      return expected.flatMap((item, index) => treeDifferences(actual[index], item, tolerance, `${path}[${index}]`));
    }
  } else if (typeof expected === 'object') {
    if (typeof actual === 'object' && actual !== null) {
      return Object.entries(expected).flatMap(([key, value]) =>
        treeDifferences((actual as Record<string, unknown>)[key], value, tolerance, `${path}.${key}`),
      );
    }
  } else if (actual === expected) return [];
  return [`${path} is ${JSON.stringify(actual) ?? 'missing'}, expected ${JSON.stringify(expected)}`.slice(0, 200)];
}

/**
 * Reports one case for each field of `expected`: passed, failed with the first difference, or unknown where `actual`
 * has no such field. Null stands for a value that is not finite or not defined.
 */
export function compareFields(
  record: CaseRecorder,
  prefix: string,
  actual: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
  tolerance: Tolerance,
): void {
  for (const [field, value] of Object.entries(expected)) {
    const name = `${prefix}/${field}`;
    if (actual[field] === undefined) {
      record.unknown(name, 'not implemented');
      continue;
    }
    const differences = treeDifferences(actual[field], value, tolerance);
    if (differences.length === 0) record.passed(name);
    else
      record.failed(name, `${differences[0]}${differences.length > 1 ? ` (and ${differences.length - 1} more)` : ''}`);
  }
}
