import { pad, visible, type Style } from './style.js';

export interface Column {
  header: string;
  align?: 'left' | 'right';
  /** At least this wide; tables that grow line by line need it. */
  width?: number;
}

/** Cells of one line, padded to their columns. */
export function renderRow(columns: Column[], cells: string[]): string {
  return columns
    .map((column, index) => pad(cells[index] ?? '', Math.max(column.width ?? 0, column.header.length), column.align))
    .join('  ')
    .trimEnd();
}

/** Header and lines, each column as wide as its widest cell; a row is one line, whatever its cells say. */
export function renderTable(columns: Column[], cells: string[][], style: Style): string[] {
  const rows = cells.map((row) => row.map((cell) => cell.replaceAll(/\s*\n\s*/g, ' ')));
  const sized = columns.map((column, index) => ({
    ...column,
    width: rows.reduce(
      (widest, row) => Math.max(widest, visible(row[index] ?? '').length),
      Math.max(column.width ?? 0, column.header.length),
    ),
  }));
  const header = renderRow(
    sized,
    sized.map((column) => column.header),
  );
  return [style.dim(header), ...rows.map((row) => renderRow(sized, row))];
}
