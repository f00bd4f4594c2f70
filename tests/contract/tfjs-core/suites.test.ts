import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordedKernels } from '../../../engine/trace/recorder.js';
import { TFJS_CORE } from './load-suites.js';
import { NO_BACKEND, SUITES, UNSUPPORTED } from './suites.js';

const published = readdirSync(path.join(TFJS_CORE, 'ops'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('_test.js'))
  .map((file) => `ops/${file.slice(0, -'_test.js'.length)}`);

describe("the list of tfjs-core's suites", () => {
  it('names every suite of an op once: run, left out for a kernel, or without a backend', () => {
    const named = [...SUITES, ...Object.keys(UNSUPPORTED), ...Object.values(NO_BACKEND).flat()];
    expect(named.filter((name) => name.startsWith('ops/')).toSorted()).toEqual(published.toSorted());
  });

  it('leaves out only suites of kernels that are not recorded', () => {
    expect(
      Object.values(UNSUPPORTED).flatMap((kernels) => kernels.filter((name) => recordedKernels.includes(name))),
    ).toEqual([]);
  });
});
