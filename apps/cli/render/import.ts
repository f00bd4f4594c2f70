import type { ImportFeedbackResult } from '../../../workflows/import-feedback.js';
import type { Style } from './style.js';

const SHOWN = 5;

/** What an import came to. */
export function importLines(loop: string, result: ImportFeedbackResult, style: Style): string[] {
  const { read, accepted, duplicates, conflicts, rejected, rejectedSample, warnings } = result;
  const lines = [
    `${style.bold(`loop ${loop}`)} · ${read} read · ${accepted} new · ${duplicates} known · ${rejected} rejected`,
  ];
  if (conflicts > 0)
    lines.push(style.yellow(`  ${conflicts} with a known id and another content: the first ones stay`));
  for (const row of rejectedSample.slice(0, SHOWN)) {
    lines.push(style.yellow(`  ${row.source}:${row.line}: ${[row.field, row.reason].filter(Boolean).join(' ')}`));
  }
  if (rejected > SHOWN)
    lines.push(style.yellow(`  … and ${rejected - SHOWN} more: \`npx ratchet feedback rejected\` shows them`));
  return [...lines, ...warnings.slice(0, SHOWN).map((warning) => style.yellow(`  ${warning}`))];
}

/** The same for `--json`. */
export function importObject(loop: string, result: ImportFeedbackResult): object {
  return { event: 'imported', loop, ...result };
}
