import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

type Spec = (done: Done) => unknown;
type Done = (() => void) & { fail(reason?: unknown): void };

/** What tfjs-core's `describeWithFlags` hands to a suite. */
export interface TestEnvironment {
  name: string;
  backendName: string;
  isDataSync: boolean;
}

export interface JasmineHooks {
  environment: TestEnvironment;
  /** Why a spec is skipped, by its full path: suite, groups and spec joined by ` › `; null for one that must pass. */
  skip(name: string): string | null;
}

const matcher = (test: (actual: unknown) => boolean, what: string) => (actual: unknown) => ({
  pass: test(actual),
  message: () => `expected ${String(actual)} ${what}`,
});

expect.extend({
  nothing: matcher(() => true, 'to be anything'),
  toBeTrue: matcher((actual) => actual === true, 'to be true'),
  toBeFalse: matcher((actual) => actual === false, 'to be false'),
});

/**
 * Makes Jasmine's globals out of vitest's, as far as tfjs-core's published tests use them, and returns the replacement of
 * its `jasmine_util` module, which would load Jasmine itself.
 */
export function installJasmine(hooks: JasmineHooks): Record<string, unknown> {
  let groups: string[] = [];
  // vitest runs the body of an inner group after that of the outer one: the path is kept from the call.
  const group = (name: string, body: () => void) => {
    const path = [...groups, name];
    // oxlint-disable-next-line vitest/valid-title -- the titles are the suites' own
    describe(name, () => {
      groups = path;
      body();
    });
  };
  const spec = (name: string, body: Spec) => {
    const reason = hooks.skip([...groups, name].join(' › '));
    const run = () => finished(body);
    // A skipped spec must fail: one that passes would make the skip a lie.
    const define = reason === null ? it : it.fails;
    // oxlint-disable-next-line vitest/valid-title -- the titles are the suites' own
    define(reason === null ? name : `${name} (skipped: ${reason})`, run);
  };
  Object.assign(globalThis, { describe: group, it: spec, expect, beforeAll, beforeEach, afterAll, afterEach });
  Object.assign(globalThis, { spyOn, xit: () => {}, fdescribe: group, jasmine: { DEFAULT_TIMEOUT_INTERVAL: 20_000 } });

  const satisfied = (constraints?: { flags?: object; predicate?(environment: TestEnvironment): boolean }) =>
    !constraints?.flags && (constraints?.predicate?.(hooks.environment) ?? true);
  return {
    ALL_ENVS: {},
    NODE_ENVS: {},
    BROWSER_ENVS: { predicate: () => false },
    CHROME_ENVS: { predicate: () => false },
    SYNC_BACKEND_ENVS: { predicate: (environment: TestEnvironment) => environment.isDataSync },
    HAS_WORKER: { predicate: () => false },
    HAS_NODE_WORKER: { predicate: () => false },
    TEST_ENVS: [hooks.environment],
    describeWithFlags: (
      name: string,
      constraints: { flags?: object; predicate?(environment: TestEnvironment): boolean },
      suite: (environment: TestEnvironment) => void,
    ) => {
      if (satisfied(constraints)) group(name, () => suite(hooks.environment));
    },
  };
}

/** Resolves when a spec is over, whether it returns, resolves, or calls `done`. */
function finished(body: Spec): Promise<void> {
  if (body.length === 0) return Promise.resolve((body as () => void | Promise<void>)());
  return new Promise((resolve, reject) => {
    const done = (() => resolve()) as Done;
    done.fail = (reason) => reject(reason instanceof Error ? reason : new Error(String(reason)));
    body(done);
  });
}

/** Jasmine's spy: it replaces the method, and calls through only when told to. */
function spyOn(target: Record<string, () => unknown>, method: string): unknown {
  const original = target[method]!;
  const spy = vi.spyOn(target, method).mockImplementation(() => undefined);
  return Object.assign(spy, {
    and: {
      callThrough: () => spy.mockImplementation(original),
      callFake: (fake: () => unknown) => spy.mockImplementation(fake),
      returnValue: (value: unknown) => spy.mockReturnValue(value),
    },
  });
}
