import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When a process started, in whatever unit the platform counts; null when there is no such process. A pid alone is no
 * identity, for the system uses it again: pid and start together are one.
 */
export function processStart(pid: number): string | null {
  if (process.platform === 'linux') {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name (field 2) may hold spaces and brackets; state is field 3 and the start time field 22.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? null : (fields[19] ?? null);
    } catch {
      return null;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}

/** True when the process that had this pid and start still runs. */
export function isAlive(pid: number, start: string | null): boolean {
  return start !== null && processStart(pid) === start;
}
