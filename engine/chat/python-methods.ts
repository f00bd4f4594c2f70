import {
  listValue,
  pythonCapitalize,
  pythonSplit,
  pythonStrip,
  templateValue,
  type TemplateValue,
} from './python-values.js';

export type Arguments = [positional: TemplateValue[], named: Map<string, TemplateValue>];

type Method = (text: string, given: (place: number, name: string) => TemplateValue | undefined) => unknown;

/** CRLF, or a character at which Python ends lines. */
const LINE_END = new RegExp(`\r\n|[\n\v\f\r\u2028\u2029${String.fromCharCode(0x1c, 0x1d, 0x1e, 0x85)}]`);

const strip =
  (side: 'strip' | 'lstrip' | 'rstrip'): Method =>
  (text, given) =>
    pythonStrip(text, side, optionalText(given(0, 'chars')));

const split =
  (fromRight: boolean): Method =>
  (text, given) =>
    pythonSplit(text, optionalText(given(0, 'sep')) ?? null, Number(given(1, 'maxsplit')?.value ?? -1), fromRight);

const find =
  (last: boolean, required: boolean): Method =>
  (text, given) => {
    const from = [...text].slice(0, Number(given(1, 'start')?.value ?? 0)).join('').length;
    const sought = requiredText(given(0, 'sub'));
    const unit = last ? text.lastIndexOf(sought) : text.indexOf(sought, from);
    if (unit < from && required) throw new Error('substring not found');
    return unit < from ? -1 : Array.from(text.slice(0, unit)).length;
  };

const startsOrEnds =
  (isStart: boolean): Method =>
  (text, given) => {
    if (given(1, 'start') !== undefined) throw new Error('a start or an end is not supported here');
    const sought = given(0, 'prefix');
    const several = sought?.type === 'TupleValue' ? (sought.value as TemplateValue[]) : [sought];
    return several.map(requiredText).some((part) => (isStart ? text.startsWith(part) : text.endsWith(part)));
  };

/** Methods of Python's `str` that the library lacks or has otherwise. */
const METHODS: Readonly<Record<string, Method>> = {
  strip: strip('strip'),
  lstrip: strip('lstrip'),
  rstrip: strip('rstrip'),
  capitalize: pythonCapitalize,
  title: pythonTitle,
  split: split(false),
  rsplit: split(true),
  splitlines: (text) => {
    const lines = text.split(LINE_END);
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  },
  find: find(false, false),
  rfind: find(true, false),
  index: find(false, true),
  count: (text, given) => {
    const sought = requiredText(given(0, 'sub'));
    return sought === '' ? [...text].length + 1 : text.split(sought).length - 1;
  },
  startswith: startsOrEnds(true),
  endswith: startsOrEnds(false),
  removeprefix: (text, given) => {
    const part = requiredText(given(0, 'prefix'));
    return text.startsWith(part) ? text.slice(part.length) : text;
  },
  removesuffix: (text, given) => {
    const part = requiredText(given(0, 'suffix'));
    return part !== '' && text.endsWith(part) ? text.slice(0, -part.length) : text;
  },
  join: (text, given) => ((given(0, 'iterable')?.value ?? []) as TemplateValue[]).map(requiredText).join(text),
};

/** `text.name(…)`; null when it is none of these methods. */
export function callTextMethod(name: string, text: string, [positional, named]: Arguments): TemplateValue | null {
  if (!Object.hasOwn(METHODS, name)) return null;
  const result = METHODS[name]!(text, (place, argument) => positional[place] ?? named.get(argument));
  return Array.isArray(result) ? listValue(result.map(templateValue)) : templateValue(result);
}

/** Python's `str.title`: a letter behind no letter in upper case, the others in lower case. */
export function pythonTitle(text: string): string {
  return text.replace(/\p{L}+/gu, pythonCapitalize);
}

/** A text, or undefined for a missing argument or None. */
function optionalText(value: TemplateValue | undefined): string | undefined {
  return value === undefined || value.type === 'NullValue' ? undefined : requiredText(value);
}

function requiredText(value: TemplateValue | undefined): string {
  if (value?.type !== 'StringValue') throw new Error(`expected a text, got ${value?.type ?? 'nothing'}`);
  return value.value as string;
}
