/**
 * Compares this engine with a folder of reference numbers: `npm run parity -- DIR [--json]`. Prints each failed case,
 * a line for each group (each case with `--verbose`; nothing but the last line with `--json`), and as the last line one
 * JSON object {passed, failed, unknown, failures}. Exit code 1 when a case failed.
 */
import { parseArgs } from 'node:util';
import { runParity } from './parity/run-parity.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, verbose: { type: 'boolean', default: false } },
});
const folder = positionals[0] ?? 'tests/parity/fixtures';

try {
  const { cases, ...summary } = await runParity(folder);
  if (!values.json) {
    const groups = new Map<string, { passed: number; failed: number; unknown: number }>();
    for (const { case: name, outcome, why } of cases) {
      const group = name.split('/').slice(0, 2).join('/');
      const counts = groups.get(group) ?? { passed: 0, failed: 0, unknown: 0 };
      counts[outcome]++;
      groups.set(group, counts);
      if (values.verbose || outcome === 'failed') console.log(`${outcome.padEnd(8)}${name}  ${why}`);
    }
    for (const [group, { passed, failed, unknown }] of groups) {
      console.log(`${group.padEnd(34)} passed ${passed}, failed ${failed}, unknown ${unknown}`);
    }
  }
  console.log(JSON.stringify(summary));
  if (summary.failed > 0) process.exitCode = 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
