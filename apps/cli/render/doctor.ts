import type { Check, CheckStatus } from '../doctor/check.js';
import { pad, type Style } from './style.js';

/** A check as one line, and one more where something is to be done. */
export function doctorLine({ name, status, detail, fix }: Check, style: Style): string[] {
  const colours: Record<CheckStatus, (text: string) => string> = {
    ok: style.green,
    warn: style.yellow,
    fail: style.red,
    optional: style.dim,
  };
  const line = `${pad(colours[status](status), 8)}  ${pad(name, 15)}  ${detail}`;
  return fix === null ? [line] : [line, `${' '.repeat(27)}${style.cyan('fix:')} ${fix}`];
}

export function doctorSummary(checks: Check[], style: Style): string {
  const count = (status: CheckStatus) => checks.filter((found) => found.status === status).length;
  const failures = count('fail');
  const warnings = count('warn');
  if (failures > 0) return style.red(`${failures} to mend before Ratchet can run.`);
  return style.green(warnings === 0 ? 'Everything Ratchet needs is here.' : `Ratchet can run; ${warnings} to look at.`);
}
