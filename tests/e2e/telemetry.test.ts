import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from './ratchet.js';

let home: string;
beforeEach(() => (home = mkdtempSync(path.join(tmpdir(), 'ratchet-home-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

const GENERATE = ['generate', 'a shop sells items', '--model', 'models/base', '--max-new-tokens', '2'];

/** Where nobody listens: what is sent does not arrive. */
const NOWHERE = Object.fromEntries(
  ['https_proxy', 'HTTPS_PROXY', 'ALL_PROXY'].map((name) => [name, 'http://127.0.0.1:9']),
);

/** Names of what a command leaves in the cache of a user; in an environment that nothing takes for a test or for CI. */
function cacheAfter(command: readonly string[], more: Record<string, string> = {}): string[] {
  const { status, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'dist/apps/cli/main.js'), ...command], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: home, ...more },
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).map((name) => path.basename(name));
}

// Where it may, onnxruntime keeps a device id and a database of what it has still to send to Microsoft.
it.runIf(process.platform === 'linux')('onnxruntime reports nothing to anybody, unless it is let', () => {
  for (const command of [GENERATE, ['doctor']]) expect(cacheAfter(command)).not.toContain('onnxruntime.db');
  expect(cacheAfter(GENERATE, { ORT_DISABLE_TELEMETRY: '0', ...NOWHERE })).toContain('onnxruntime.db');
});
