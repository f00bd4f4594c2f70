import type { Ledger } from '../../../store/types.js';
import { cut, type Style } from './style.js';
import { renderTable } from './table.js';

/** Characters of a row that fit beside its reason. */
const RAW_WIDTH = 60;

/** What was refused: reasons by frequency, then the newest rows. */
export function ledgerLines({ rows, reasons, newest }: Ledger, style: Style): string[] {
  if (rows === 0) return ['No row was refused.'];
  const why = ({ field, reason }: { field: string; reason: string }) => [field, reason].filter(Boolean).join(' ');
  return [
    style.bold(`${rows} ${rows === 1 ? 'row was' : 'rows were'} refused`),
    '',
    ...renderTable(
      [{ header: 'rows', align: 'right' }, { header: 'by' }, { header: 'why' }],
      reasons.map((each) => [String(each.rows), each.source, why(each)]),
      style,
    ),
    '',
    style.bold(newest.length < rows ? `The newest ${newest.length}` : 'All of them, the newest first'),
    ...newest.flatMap((row) => [
      '',
      `${row.line > 0 ? `${row.source}:${row.line}` : row.source}: ${why(row)}`,
      style.dim(`  ${cut(row.raw.replaceAll(/\s+/g, ' '), RAW_WIDTH)}`),
    ]),
  ];
}
