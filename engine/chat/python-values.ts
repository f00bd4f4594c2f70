import { Environment } from '@huggingface/jinja';

/** A value inside the template interpreter. */
export type TemplateValue = ReturnType<Environment['set']>;

/** A JavaScript value as one of the interpreter's. */
export const templateValue = (value: unknown): TemplateValue => new Environment().set('value', value);

/** What Python's `str()` gives: `True`, `None`, `['a', 1.5]`; nothing for an undefined value. */
export function pythonText(value: TemplateValue): string {
  if (value.type === 'StringValue') return value.value as string;
  return value.type === 'UndefinedValue' ? '' : pythonRepresentation(value);
}

function pythonRepresentation(value: TemplateValue): string {
  switch (value.type) {
    case 'BooleanValue':
      return value.value === true ? 'True' : 'False';
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return 'Undefined';
    case 'StringValue':
      return quote(value.value as string);
    case 'ArrayValue':
      return `[${(value.value as TemplateValue[]).map(pythonRepresentation).join(', ')}]`;
    case 'TupleValue': {
      const items = (value.value as TemplateValue[]).map(pythonRepresentation);
      return items.length === 1 ? `(${items[0]!},)` : `(${items.join(', ')})`;
    }
    case 'ObjectValue': {
      const entries = [...(value.value as Map<string, TemplateValue>)];
      return `{${entries.map(([key, item]) => `${quote(key)}: ${pythonRepresentation(item)}`).join(', ')}}`;
    }
    case 'FloatValue':
      return pythonFloat(value.value as number);
    default:
      return value.toString();
  }
}

/** Python's `repr` of a float: the shortest digits, with an exponent below 1e-4 and from 1e16 on. */
export function pythonFloat(number: number): string {
  if (Number.isNaN(number)) return 'nan';
  if (!Number.isFinite(number)) return number > 0 ? 'inf' : '-inf';
  if (Object.is(number, -0)) return '-0.0';
  const [digits, exponent] = number.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (number !== 0 && (power < -4 || power >= 16)) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

const [ArrayClass, FloatClass] = [templateValue([]).constructor, templateValue(0.5).constructor] as unknown as [
  new (items: readonly TemplateValue[]) => TemplateValue,
  new (value: number) => TemplateValue,
];

/** A list of values as one of the interpreter's. */
export const listValue = (items: readonly TemplateValue[]): TemplateValue => new ArrayClass(items);

/** A number that is a float even when it is whole. */
export const floatValue = (value: number): TemplateValue => new FloatClass(value);

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replace(/(?! )[\p{C}\p{Z}]/gu, escapeCharacter);
  return mark + escaped + mark;
}

/** `\\x07`, `\\u200b`, `\\U000e0041`: characters that Python does not count as printable. */
function escapeCharacter(character: string): string {
  const point = character.codePointAt(0)!;
  const digits = (size: number): string => point.toString(16).padStart(size, '0');
  return point < 0x100 ? `\\x${digits(2)}` : point < 0x10000 ? `\\u${digits(4)}` : `\\U${digits(8)}`;
}

/** Python's `==`: values of different kinds are unequal, but True is 1 and False is 0. */
export function pythonEquals(a: TemplateValue, b: TemplateValue): boolean {
  if (isList(a) && isList(b)) {
    const [left, right] = [a.value as TemplateValue[], b.value as TemplateValue[]];
    return left.length === right.length && left.every((item, index) => pythonEquals(item, right[index]!));
  }
  if (a.type === 'ObjectValue' && b.type === 'ObjectValue') {
    const [left, right] = [a.value as Map<string, TemplateValue>, b.value as Map<string, TemplateValue>];
    if (left.size !== right.size) return false;
    return [...left].every(([key, item]) => right.has(key) && pythonEquals(item, right.get(key)!));
  }
  if (isNumber(a) && isNumber(b)) return Number(a.value) === Number(b.value);
  return a.type === b.type && a.value === b.value;
}

const isList = (value: TemplateValue): boolean => value.type === 'ArrayValue' || value.type === 'TupleValue';
const isNumber = (value: TemplateValue): boolean => ['IntegerValue', 'FloatValue', 'BooleanValue'].includes(value.type);

/** Python's white space: Unicode's and the four separators U+001C … U+001F, but not U+FEFF. */
const isSpace = (character: string): boolean =>
  /\p{White_Space}/u.test(character) || (character >= '\u001c' && character <= '\u001f');

/** Python's `str.strip`, `lstrip` and `rstrip`: white space, or the characters given. */
export function pythonStrip(text: string, side: 'strip' | 'lstrip' | 'rstrip', characters?: string): string {
  const units = [...text];
  const drops = (character: string): boolean =>
    characters === undefined ? isSpace(character) : characters.includes(character);
  let [from, to] = [0, units.length];
  if (side !== 'rstrip') while (from < to && drops(units[from]!)) from++;
  if (side !== 'lstrip') while (to > from && drops(units[to - 1]!)) to--;
  return units.slice(from, to).join('');
}

/** Python's `str.split` and `str.rsplit`: at runs of white space without a separator, at most `limit` times. */
export function pythonSplit(text: string, separator: string | null, limit: number, fromRight: boolean): string[] {
  if (separator === '') throw new Error('empty separator');
  const pieces = separator === null ? splitAtSpace(text) : text.split(separator).map((piece) => ({ piece, rest: '' }));
  const plain = pieces.map(({ piece }) => piece);
  if (limit < 0 || plain.length <= limit + 1) return plain;
  if (separator !== null) {
    return fromRight
      ? [plain.slice(0, plain.length - limit).join(separator), ...plain.slice(plain.length - limit)]
      : [...plain.slice(0, limit), plain.slice(limit).join(separator)];
  }
  // What stays whole keeps its inner white space.
  const whole = pieces.map(({ piece, rest }) => piece + rest);
  return fromRight
    ? [pythonStrip(whole.slice(0, whole.length - limit).join(''), 'strip'), ...plain.slice(plain.length - limit)]
    : [...plain.slice(0, limit), pythonStrip(text, 'lstrip').slice(whole.slice(0, limit).join('').length)];
}

/** Words, each with the white space behind it. */
function splitAtSpace(text: string): { piece: string; rest: string }[] {
  const words: { piece: string; rest: string }[] = [];
  for (const character of pythonStrip(text, 'lstrip')) {
    const last = words.at(-1);
    if (isSpace(character)) last!.rest += character;
    else if (last === undefined || last.rest !== '') words.push({ piece: character, rest: '' });
    else last.piece += character;
  }
  return words;
}

/** Python's `str.capitalize`: the first character upper case, all others lower case. */
export function pythonCapitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}
