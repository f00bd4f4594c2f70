/** The colours of `createStyle`. */
const COLOUR = String.raw`\u001B\[(?:1|2|22|31|32|33|36|39)m`;
const KEPT = String.raw`[\n\t]|\r\n`;
const CONTROL = new RegExp(String.raw`(?!${KEPT})\p{Cc}`, 'gu');
const CONTROL_OR_COLOUR = new RegExp(String.raw`(${COLOUR})|(?!${KEPT})\p{Cc}`, 'gu');

/**
 * A text with every control character written out (`\x1b`), so that what users, models and files say cannot steer a
 * terminal. Line ends and tabs stay, and with `coloured` our own colours.
 */
export function printable(text: string, coloured = false): string {
  return text.replaceAll(coloured ? CONTROL_OR_COLOUR : CONTROL, (found: string, colour: unknown) =>
    typeof colour === 'string' ? found : `\\x${found.codePointAt(0)!.toString(16).padStart(2, '0')}`,
  );
}
