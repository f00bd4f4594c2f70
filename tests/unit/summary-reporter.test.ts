import { describe, expect, it } from 'vitest';
import { summaryLine } from '../summary-reporter.js';

describe('the last line of a test run', () => {
  it('names passed and failed tests, and skipped ones only where there are some', () => {
    expect(summaryLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
    expect(summaryLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});
