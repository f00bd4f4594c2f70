import { invalid } from './json-part.js';

/** Classes whose meaning differs between the reference's engine (Oniguruma, Unicode) and JavaScript. */
const CLASSES: Record<string, string> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  h: '0-9a-fA-F',
};
/** With the superscripts and fractions of Latin-1, which Oniguruma has as words from older tables. */
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\u00b2\u00b3\u00b9\u00bc-\u00be';
const BOUNDARY = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
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
      if (inClass > 0) checkClassEscape(rest, ignoreCase, pattern, path);
      const [text, length] = translateEscape(rest, inClass > 0);
      output += text;
      index += length;
      continue;
    }
    index += character.length;
    if (inClass > 0) {
      if (character === ']') inClass--;
      else if (character === '[') throw invalid(path, `uses a class inside a class: ${pattern}`);
      else if (rest.startsWith('&&')) throw invalid(path, `uses an intersection of classes: ${pattern}`);
      const range = ignoreCase && character !== ']' ? /^.-([^\]])/u.exec(rest) : null;
      if (range === null) output += ignoreCase ? foldCase(character, true) : character;
      else {
        if (range[1] === '\\') throw invalid(path, `uses a range with an escape under the option i: ${pattern}`);
        output += range[0] + foldRange(character, range[1]!);
        index += range[0].length - character.length;
      }
    } else if (character === '[') {
      inClass++;
      output += '[';
      if (pattern[index] === '^') output += pattern[index++];
    } else if (character === '(') {
      const flags = /^\(\?([imx]*)(-[imx]+)?(:|\))/.exec(rest);
      if (flags !== null && flags[0] !== '(?:') {
        if (flags[1] !== 'i' || flags[2] !== undefined) throw invalid(path, `uses the option ${flags[0]}: ${pattern}`);
        if (flags[3] === ')') {
          // Elsewhere it would begin a group that reaches over the alternatives behind it.
          if (!/(?:^|(?<!\\)(?:\||\(|\(\?:))$/.test(output))
            throw invalid(path, `uses the option (?i) within a sequence: ${pattern}`);
          ignoreCase = true;
        } else {
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
    } else if (character === '^') output += '(?<=^|\\n)';
    else if (character === '$') output += '(?=\\n|$)';
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
  if (letter === 'A') return ['^', 2];
  if (letter === 'z') return ['$', 2];
  if (letter === 'b' && !inClass) return [BOUNDARY, 2];
  if (letter === 'B') return [`(?!${BOUNDARY})`, 2];
  if (/[a-zA-Z0-9]/.test(letter) || SYNTAX.includes(letter)) return [`\\${letter}`, 2];
  if (letter === '-' && inClass) return ['\\-', 2];
  return [letter, 1 + letter.length];
}

/** Refuses escapes inside a class that JavaScript would read in another way. */
function checkClassEscape(rest: string, ignoreCase: boolean, pattern: string, path: string): void {
  if (rest[1] === 'W') throw invalid(path, `uses \\W inside a class: ${pattern}`);
  const point = /^\\(?:x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^pPsSdDwhxu])-[^\]]/;
  if (ignoreCase && point.test(rest)) {
    throw invalid(path, `uses a range with an escape under the option i: ${pattern}`);
  }
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

/** What a range of a class matches besides when case is ignored, as more members of the class. */
function foldRange(first: string, last: string): string {
  const [from, to] = [first.codePointAt(0)!, last.codePointAt(0)!];
  const outside = new Set<string>();
  for (let point = from; point <= to; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    for (const member of foldCase(String.fromCodePoint(point), true)) {
      if (member.codePointAt(0)! < from || member.codePointAt(0)! > to) outside.add(member);
    }
  }
  return [...outside].join('');
}

/** Escapes a literal text for use inside an expression with the `u` flag. */
export function escapeLiteral(text: string): string {
  return text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');
}
