import { invalid } from './json-part.js';

/** Classes whose meaning differs between the reference's engine (Oniguruma, Unicode) and JavaScript. */
const CLASSES: Record<string, string> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  h: '0-9a-fA-F',
};
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}';
/** Letters outside ASCII that are the same letter when case is ignored. */
const FOLDED: Record<string, string> = { s: 'ſ', k: '\u212A' };
const SYNTAX = '^$\\.*+?()[]{}|/';

/**
 * A global JavaScript expression with the meaning of a tokenizer.json pattern: white space is Unicode's (U+0085 yes,
 * U+FEFF no), digits and words are Unicode's, `^` and `$` match at line feeds only, `(?i:…)` is written out.
 *
 * @throws RatchetError `E_MODEL_INVALID` for syntax that JavaScript cannot express
 */
export function translateRegularExpression(pattern: string, path: string): RegExp {
  let output = '';
  const groups: boolean[] = [];
  let ignoreCase = false;
  let inClass = 0;
  for (let index = 0; index < pattern.length;) {
    const rest = pattern.slice(index);
    const character = String.fromCodePoint(pattern.codePointAt(index)!);
    if (character === '\\') {
      const [text, length] = translateEscape(rest, inClass > 0);
      output += text;
      index += length;
      continue;
    }
    index += character.length;
    if (inClass > 0) {
      if (character === ']') inClass--;
      else if (character === '[') throw invalid(path, `uses a class inside a class: ${pattern}`);
      output += ignoreCase ? foldCase(character, true) : character;
    } else if (character === '[') {
      inClass++;
      output += '[';
      if (pattern[index] === '^') output += pattern[index++];
    } else if (character === '(') {
      const flags = /^\(\?([imx]*)(-[imx]+)?(:|\))/.exec(rest);
      if (flags !== null && flags[0] !== '(?:') {
        if (flags[1] !== 'i' || flags[2] !== undefined) throw invalid(path, `uses the option ${flags[0]}: ${pattern}`);
        if (flags[3] === ')') ignoreCase = true;
        else {
          groups.push(ignoreCase);
          ignoreCase = true;
          output += '(?:';
        }
        index += flags[0].length - 1;
      } else {
        if (rest.startsWith('(?>')) throw invalid(path, `uses an atomic group: ${pattern}`);
        groups.push(ignoreCase);
        output += '(';
      }
    } else if (character === ')') {
      ignoreCase = groups.pop() ?? false;
      output += ')';
    } else if (character === '^') output += '(?<![^\\n])';
    else if (character === '$') output += '(?![^\\n])';
    else if (character === '.') output += '[^\\n]';
    else output += ignoreCase ? foldCase(character, false) : character;
  }
  try {
    return new RegExp(output, 'gu');
  } catch {
    throw invalid(path, `holds a pattern that cannot be read: ${pattern}`);
  }
}

function translateEscape(rest: string, inClass: boolean): [text: string, length: number] {
  const property = /^\\([pP])\{(\^?)([^}]+)\}/.exec(rest);
  if (property !== null) {
    const negated = (property[1] === 'P') !== (property[2] === '^');
    const name = property[3]!;
    const known = isProperty(name) ? name : `Script=${name}`;
    return [`\\${negated ? 'P' : 'p'}{${known}}`, property[0].length];
  }
  const wide = /^\\x\{([0-9a-fA-F]+)\}/.exec(rest);
  if (wide !== null) return [`\\u{${wide[1]}}`, wide[0].length];
  const letter = rest[1] ?? '';
  if (letter === 'w') return [inClass ? WORD : `[${WORD}]`, 2];
  if (letter === 'W' && !inClass) return [`[^${WORD}]`, 2];
  if (letter === 'h') return [inClass ? CLASSES['h']! : `[${CLASSES['h']!}]`, 2];
  if (Object.hasOwn(CLASSES, letter)) return [CLASSES[letter]!, 2];
  if (letter === 'A') return ['(?<![\\s\\S])', 2];
  if (letter === 'z') return ['(?![\\s\\S])', 2];
  if (/[a-zA-Z0-9]/.test(letter) || SYNTAX.includes(letter)) return [`\\${letter}`, 2];
  if (letter === '-' && inClass) return ['\\-', 2];
  return [letter, 1 + letter.length];
}

function isProperty(name: string): boolean {
  try {
    return new RegExp(`\\p{${name}}`, 'u').source !== '';
  } catch {
    return false;
  }
}

/** A literal in both cases, as a class of its own or (inside a class) as more members of it. */
function foldCase(character: string, inClass: boolean): string {
  const [lower, upper] = [character.toLowerCase(), character.toUpperCase()];
  if (lower === upper || [...lower, ...upper].length !== 2) return character;
  const members = lower + upper + (FOLDED[lower] ?? '');
  return inClass ? members : `[${members}]`;
}

/** Escapes a literal text for use inside an expression with the `u` flag. */
export function escapeLiteral(text: string): string {
  return text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');
}
