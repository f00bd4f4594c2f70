import type { RecordedAudit } from '../../../store/types.js';
import { renderTable } from './table.js';
import type { Style } from './style.js';

/** A loop's audit trail as a table, oldest first; times in UTC. */
export function auditLines(loop: string, entries: readonly RecordedAudit[], style: Style): string[] {
  if (entries.length === 0) return [`Nobody has changed anything about the loop ${loop}.`];
  const rows = entries.map(({ at, actor, action, subject, details: { reason, ...details } }) => [
    at.slice(0, 19).replace('T', ' '),
    actor,
    action,
    subject,
    [reason, ...Object.entries(details).map(([key, value]) => `${key} ${written(value)}`)].filter(Boolean).join(' · '),
  ]);
  return renderTable(
    ['when (UTC)', 'who', 'what', 'of', 'why'].map((header) => ({ header })),
    rows,
    style,
  );
}

const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
