/** `optional`: it is not there, and nothing needs it. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'optional';

/** What one look at the machine found. */
export interface Check {
  name: string;
  status: CheckStatus;
  detail: string;
  /** What to do; null where there is nothing to mend. */
  fix: string | null;
}

export function check(name: string, status: CheckStatus, detail: string, fix: string | null = null): Check {
  return { name, status, detail, fix };
}

/** Runs a check; what it throws is a failure with this fix. */
export async function guarded(name: string, fix: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return check(name, 'fail', message, fix);
  }
}
