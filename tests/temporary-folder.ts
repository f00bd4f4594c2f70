import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Before all tests: a temporary folder for them alone, so that whatever they leave goes with it. */
export default function setup(): () => void {
  const former = process.env.TMPDIR;
  const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-tests-'));
  // Some tests become another user, who must be able to pass through.
  chmodSync(folder, 0o755);
  process.env.TMPDIR = folder;
  return () => {
    if (former === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = former;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}
