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
    default:
      return value.toString();
  }
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return mark + escaped + mark;
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

/** Python's `str.capitalize`: the first character upper case, all others lower case. */
export function pythonCapitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}
