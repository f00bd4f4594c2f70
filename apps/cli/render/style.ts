/** Wraps a text in a terminal colour, or leaves it alone. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const ESCAPE = '\u001B[';

/** Colours, or (for files, pipes and NO_COLOR) plain text. */
export function createStyle(coloured: boolean): Style {
  const wrap = (open: number, close: number) => (text: string) =>
    coloured && text !== '' ? `${ESCAPE}${open}m${text}${ESCAPE}${close}m` : text;
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    red: wrap(31, 39),
    green: wrap(32, 39),
    yellow: wrap(33, 39),
    cyan: wrap(36, 39),
  };
}

/** The text without terminal control sequences: what a reader sees. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]/g, '');
}

/** Pads by what is seen, so that colours do not shift columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - visible(text).length));
  return align === 'left' ? text + space : space + text;
}

/** At most so many characters of an uncoloured text. */
export const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;
