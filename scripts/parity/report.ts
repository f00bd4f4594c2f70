/** What one run of the parity check found. A case that could not be checked is unknown, never passed. */
export interface ParityReport {
  passed: number;
  failed: number;
  unknown: number;
  failures: { case: string; why: string }[];
  /** Every case in the order in which it was checked. */
  cases: { case: string; outcome: 'passed' | 'failed' | 'unknown'; why: string }[];
}

/** Collects the outcomes of the cases under one prefix, for example `lora/llama`. */
export class CaseRecorder {
  constructor(
    private readonly report: ParityReport,
    private readonly prefix: string,
  ) {}

  passed(name: string, why = ''): void {
    this.add(name, 'passed', why);
  }

  failed(name: string, why: string): void {
    this.add(name, 'failed', why);
  }

  unknown(name: string, why: string): void {
    this.add(name, 'unknown', why);
  }

  /** Passed when `difference` is at most `tolerance`; NaN fails. */
  within(name: string, difference: number, tolerance: number): void {
    const text = `difference ${difference.toExponential(2)}, tolerance ${tolerance.toExponential(0)}`;
    if (difference <= tolerance) this.passed(name, text);
    else this.failed(name, text);
  }

  /** Passed when both are equal as JSON; a failure shows the two values, cut short. */
  equal(name: string, actual: unknown, expected: unknown): void {
    const [left, right] = [JSON.stringify(actual) ?? 'undefined', JSON.stringify(expected) ?? 'undefined'];
    if (left === right) this.passed(name);
    else this.failed(name, `is ${left.slice(0, 160)}, expected ${right.slice(0, 160)}`);
  }

  private add(name: string, outcome: 'passed' | 'failed' | 'unknown', why: string): void {
    const entry = { case: name === '' ? this.prefix : `${this.prefix}/${name}`, outcome, why };
    this.report.cases.push(entry);
    this.report[outcome]++;
    if (outcome === 'failed') this.report.failures.push({ case: entry.case, why });
  }
}

/** Largest absolute difference of two lists of numbers; infinite where lengths differ or a value is not a number. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    const difference = a === b ? 0 : Math.abs(a - b);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}
