import { describe, expect, it, vi } from 'vitest';
import { loadSuites, usedSkips } from './load-suites.js';
import { SKIPS } from './skips.js';

vi.mock('@tensorflow/tfjs-core/dist/jasmine_util.js', async () => (await import('./load-suites.js')).jasmineUtil());
await loadSuites('constants');

describe('the list of skips', () => {
  it('names only specs that exist', () => {
    expect(SKIPS.filter(({ match }) => !usedSkips.has(match))).toEqual([]);
  });
});
