import { userInfo } from 'node:os';

/** Who asks, for the audit: the account's name, or its number where it has none, as an arbitrary user of a container. */
export function actorName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid!()}`;
  }
}

/** Who asks for a step, and why. */
export const requestedBy = (reason = ''): { actor: string; reason: string } => ({ actor: actorName(), reason });
