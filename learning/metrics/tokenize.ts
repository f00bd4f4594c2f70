/** What Python's `str.split` takes for white space; JavaScript's `\s` adds U+FEFF and lacks U+001C–U+001F and U+0085. */
const SPACE = '[\\t-\\r\\u001c- \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES = new RegExp(`${SPACE}+`, 'u');
const TRAILING_SPACES = new RegExp(`${SPACE}+$`, 'u');

/** Tokenisers of sacreBLEU's BLEU. */
export type BleuTokenizer = 'none' | '13a' | 'char' | 'intl';

/** Splits at runs of whitespace and drops empty words. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== '');
}

const trimTrailingSpaces = (text: string): string => text.replace(TRAILING_SPACES, '');

/**
 * The `13a` tokeniser of sacreBLEU (mteval-v13a): unescapes four entities, separates ASCII punctuation, and periods,
 * commas and dashes by their digit context.
 */
function tokenize13a(text: string): string[] {
  let line = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  if (line.includes('&')) {
    line = line.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  }
  line = ` ${line} `.replace(/([{-~[-` -&(-+:-@/])/gu, ' $1 ');
  if (line.includes('.') || line.includes(','))
    line = line.replace(/([^0-9])([.,])/gu, '$1 $2 ').replace(/([.,])([^0-9])/gu, ' $1 $2');
  if (line.includes('-')) line = line.replace(/([0-9])(-)/gu, '$1 $2 ');
  return splitWords(line);
}

/**
 * The `intl` tokeniser of sacreBLEU (mteval-v14): separates Unicode punctuation that has something other than a digit
 * on one side, and every symbol. A full stop that follows a digit at the end stays with it.
 */
function tokenizeInternational(text: string): string {
  return text
    .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
    .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
    .replace(/\p{S}/gu, ' $& ');
}

/** The tokens of a text by one of sacreBLEU's tokenisers; trailing white space is dropped first. */
export function bleuTokens(text: string, tokenizer: BleuTokenizer): string[] {
  const line = trimTrailingSpaces(text);
  if (tokenizer === '13a') return tokenize13a(line);
  if (tokenizer === 'intl') return splitWords(tokenizeInternational(line));
  if (tokenizer === 'char') return splitWords([...line].join(' '));
  return splitWords(line);
}
