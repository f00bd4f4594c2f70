/** What a component's `selfTest()` reports (R14): it computes something small with a known answer. */
export interface SelfTestResult {
  name: string;
  ok: boolean;
  /** The computed values, or the first one that is wrong. */
  detail: string;
}

/**
 * Runs the named checks of one component. The first false or throwing check makes the result fail and is named in the
 * detail; otherwise the detail lists what held.
 */
export function runChecks(name: string, checks: Record<string, () => boolean>): SelfTestResult {
  const passed: string[] = [];
  for (const [label, check] of Object.entries(checks)) {
    try {
      if (!check()) return { name, ok: false, detail: `does not hold: ${label}` };
    } catch (error) {
      return { name, ok: false, detail: `${label}: ${error instanceof Error ? error.message : String(error)}` };
    }
    passed.push(label);
  }
  return { name, ok: true, detail: passed.join('; ') };
}
