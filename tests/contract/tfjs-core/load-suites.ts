import { createRequire } from 'node:module';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { installJasmine, type JasmineHooks } from './jasmine.js';
import { ENVIRONMENT, evaluateReads, startSpec, endSpec, type Operands } from './recorded-environment.js';
import { SKIPS } from './skips.js';
import { SUITES } from './suites.js';

/** Where tfjs-core's modules and its published tests lie. */
export const TFJS_CORE = path.join(
  path.dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-core/package.json')),
  'dist',
);

/** Entries of `SKIPS` that have matched a spec. */
export const usedSkips = new Set<RegExp>();

const hooks: JasmineHooks = {
  environment: ENVIRONMENT,
  skip(name) {
    const entry = SKIPS.find(({ match }) => match.test(name));
    if (entry) usedSkips.add(entry.match);
    return entry?.reason ?? null;
  },
};

/** Stands in for tfjs-core's `jasmine_util`. */
export const jasmineUtil = () => installJasmine(hooks);

/** Defines the specs of every suite. */
export async function loadSuites(operands: Operands): Promise<void> {
  evaluateReads(operands);
  beforeEach(startSpec);
  afterEach(endSpec);
  await import(path.join(TFJS_CORE, 'public/chained_ops/register_all_chained_ops.js'));
  for (const suite of SUITES) {
    // oxlint-disable-next-line no-await-in-loop -- specs are defined in the order of the list
    await import(path.join(TFJS_CORE, `${suite}_test.js`));
  }
}
