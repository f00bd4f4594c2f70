import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** What one run of the tests came to. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Counts tests by result. A file that could not be loaded, and an error outside any test, count as one failure each,
 * so that a run that tested nothing never reads as passed.
 */
export function tally(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Tally {
  const counts: Tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed += 1;
      else if (state === 'failed' || test.options.mode === 'run') counts.failed += 1;
      else counts.skipped += 1;
    }
  }
  return counts;
}

/** `12 passed, 0 failed`, and `, 3 skipped` where some were. */
export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Prints {@link summaryLine} alone on the last line of a test run. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const line = summaryLine(tally(modules, unhandledErrors));
    process.once('exit', () => process.stdout.write(`${line}\n`));
  }
}
