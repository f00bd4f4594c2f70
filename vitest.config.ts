import { defineConfig } from 'vitest/config';

const minute = 60_000;

export default defineConfig({
  test: {
    globalSetup: ['./tests/temporary-folder.ts'],
    reporters: ['default', './tests/summary-reporter.ts'],
    passWithNoTests: true,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/{unit,property,contract,parity}/**/*.test.ts'],
          testTimeout: minute,
          hookTimeout: minute,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
          // tfjs-core's own tests are written for a bundler: imports without extensions.
          server: { deps: { inline: [/tfjs-core\/dist\/(?!tf-core)/] } },
        },
      },
      {
        test: {
          name: 'system',
          include: ['tests/{workflow,replay,crash,e2e}/**/*.test.ts'],
          globalSetup: ['./tests/system-setup.ts'],
          testTimeout: 10 * minute,
          hookTimeout: 10 * minute,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
