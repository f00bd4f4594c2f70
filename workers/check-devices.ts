import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DeviceCheck } from '../engine/devices/index.js';

/** What `auto` would take on this machine, and every device but the cpu by its check. */
export interface DeviceReport {
  chosen: { device: string; why: string };
  checks: DeviceCheck[];
}

const fromSource = import.meta.url.endsWith('.ts');
const entry = fileURLToPath(new URL(fromSource ? './device-check.ts' : './device-check.js', import.meta.url));

/**
 * Tries the devices in a process of its own, seconds at most: drivers print on the terminal, and a broken one takes its
 * process with it.
 *
 * @param only the devices to try; all but the cpu when left out
 * @throws Error with what the process said when it ended without a report
 */
export function checkDevices(only: readonly string[] = []): Promise<DeviceReport> {
  const args = [...(fromSource ? ['--import', 'tsx'] : []), entry, ...only];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
  let [said, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const line = said.trimEnd().split('\n').at(-1) ?? '';
      if (code === 0 && line.startsWith('{')) return resolve(JSON.parse(line) as DeviceReport);
      const last = errors.trim().split('\n').at(-1) ?? '';
      reject(new Error(`the check ended with ${signal ?? `exit code ${code}`}: ${last}`));
    });
  });
}
