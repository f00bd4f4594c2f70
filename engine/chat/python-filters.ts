import { pythonJson } from './python-json.js';
import type { Arguments } from './python-methods.js';
import { findTest, isTrue, pythonCompare } from './python-tests.js';
import {
  floatValue,
  listValue,
  pythonCapitalize,
  pythonEquals,
  pythonStrip,
  pythonText,
  templateValue,
  type TemplateValue,
} from './python-values.js';

type Filter = (
  value: TemplateValue,
  given: (place: number, name: string) => TemplateValue | undefined,
  all: Arguments,
) => TemplateValue | null;

/** Calls a filter by name, for `map`; throws for one that neither this file nor the library has. */
export type FilterCall = (name: string, value: TemplateValue, args: Arguments) => TemplateValue;

/** The items that Python iterates over; null for a value that has none. */
export function itemsOf(value: TemplateValue): TemplateValue[] | null {
  switch (value.type) {
    case 'ArrayValue':
    case 'TupleValue':
      return value.value as TemplateValue[];
    case 'StringValue':
      return [...(value.value as string)].map(templateValue);
    case 'ObjectValue':
      return [...(value.value as Map<string, unknown>).keys()].map(templateValue);
    case 'UndefinedValue':
      return [];
    default:
      return null;
  }
}

function iterate(value: TemplateValue): TemplateValue[] {
  const items = itemsOf(value);
  if (items === null) throw new Error(`a value of type ${value.type} is not iterable`);
  return items;
}

/** `a.b.0` of an item, as Jinja's `attribute` arguments name it; the item itself without one. */
function attributeOf(item: TemplateValue, path: TemplateValue | undefined): TemplateValue {
  if (path === undefined) return item;
  const missing = templateValue(undefined);
  return String(path.value)
    .split('.')
    .reduce<TemplateValue>((value, name) => {
      if (value.type === 'ObjectValue') return (value.value as Map<string, TemplateValue>).get(name) ?? missing;
      return (/^\d+$/.test(name) ? itemsOf(value)?.[Number(name)] : undefined) ?? missing;
    }, item);
}

/** `select`, `reject` and their forms for attributes. */
const choose =
  (keeps: boolean, byAttribute: boolean): Filter =>
  (value, _given, [positional]) => {
    const [attribute, rest] = byAttribute ? [positional[0], positional.slice(1)] : [undefined, positional];
    if (byAttribute && attribute === undefined) throw new Error('missing parameter for attribute name');
    const [name, argument] = rest;
    const test = name === undefined ? isTrue : findTest(String(name.value));
    if (test === null) throw new Error(`Unknown test: ${String(name!.value)}`);
    return listValue(iterate(value).filter((item) => test(attributeOf(item, attribute), argument) === keeps));
  };

const end =
  (place: 0 | -1): Filter =>
  (value) =>
    iterate(value).at(place) ?? templateValue(undefined);

const extreme =
  (sign: 1 | -1): Filter =>
  (value, given) => {
    const attribute = given(1, 'attribute');
    const key = (item: TemplateValue): TemplateValue => {
      const own = attributeOf(item, attribute);
      return own.type === 'StringValue' ? templateValue((own.value as string).toLowerCase()) : own;
    };
    const items = iterate(value);
    if (items.length === 0) return templateValue(undefined);
    return items.reduce((best, item) => (sign * pythonCompare(key(item), key(best)) > 0 ? item : best));
  };

const length: Filter = (value) => templateValue(iterate(value).length);

const ofText =
  (change: (text: string) => string): Filter =>
  (value) =>
    templateValue(change(value.type === 'UndefinedValue' ? '' : pythonText(value)));

const orDefault: Filter = (value, given) => {
  const flag = given(1, 'boolean');
  const missing = value.type === 'UndefinedValue' || (flag !== undefined && isTrue(flag) && !isTrue(value));
  return missing ? (given(0, 'default_value') ?? templateValue('')) : value;
};

/** Jinja's filters whose meaning differs in the library or that it lacks; its own are used for the others. */
const FILTERS: Readonly<Record<string, Filter>> = {
  length,
  count: length,
  first: end(0),
  last: end(-1),
  list: (value) => listValue(iterate(value)),
  reverse: (value) => {
    const items = [...iterate(value)].reverse();
    return value.type === 'StringValue' ? templateValue(items.map(pythonText).join('')) : listValue(items);
  },
  string: (value) => templateValue(pythonText(value)),
  trim: (value, given) => {
    const characters = given(0, 'chars');
    return templateValue(pythonStrip(pythonText(value), 'strip', characters && pythonText(characters)));
  },
  upper: ofText((text) => text.toUpperCase()),
  lower: ofText((text) => text.toLowerCase()),
  capitalize: ofText(pythonCapitalize),
  // Jinja's own: words end at white space, hyphens and opening brackets, not at apostrophes.
  title: ofText((text) => text.replace(/[^-\s({[<]+/g, pythonCapitalize)),
  default: orDefault,
  d: orDefault,
  join: (value, given) => {
    const [separator, attribute] = [given(0, 'd'), given(1, 'attribute')];
    const items = iterate(value).map((item) => attributeOf(item, attribute));
    return templateValue(items.map(pythonText).join(separator === undefined ? '' : pythonText(separator)));
  },
  select: choose(true, false),
  reject: choose(false, false),
  selectattr: choose(true, true),
  rejectattr: choose(false, true),
  min: extreme(-1),
  max: extreme(1),
  sum: (value, given) => {
    const attribute = given(0, 'attribute');
    const items = iterate(value).map((item) => attributeOf(item, attribute));
    if (items.some(({ type }) => !['IntegerValue', 'FloatValue', 'BooleanValue'].includes(type))) {
      throw new Error('only numbers can be summed');
    }
    const total = items.reduce((sum, item) => sum + Number(item.value), Number(given(1, 'start')?.value ?? 0));
    return items.some(({ type }) => type === 'FloatValue') ? floatValue(total) : templateValue(total);
  },
  unique: (value, given) => {
    if (given(0, 'case_sensitive') ?? given(1, 'attribute')) return null;
    const key = (item: TemplateValue): TemplateValue =>
      item.type === 'StringValue' ? templateValue((item.value as string).toLowerCase()) : item;
    const items = iterate(value);
    return listValue(
      items.filter((item, index) => items.findIndex((other) => pythonEquals(key(item), key(other))) === index),
    );
  },
  tojson: (value, given) => {
    const [indent, separators] = [given(1, 'indent'), given(2, 'separators')];
    const flag = (place: number, name: string): boolean => isTrue(given(place, name) ?? templateValue(false));
    return templateValue(
      pythonJson(value, {
        indent: (indent?.value ?? null) as number | string | null,
        separators:
          separators === undefined || separators.type === 'NullValue'
            ? null
            : (iterate(separators).map(pythonText) as [string, string]),
        sortKeys: flag(3, 'sort_keys'),
        ensureAscii: flag(0, 'ensure_ascii'),
      }),
    );
  },
};

/** `value | name(…)`; null when it is left to the library. */
export function applyFilter(
  name: string,
  value: TemplateValue,
  args: Arguments,
  call: FilterCall,
): TemplateValue | null {
  const [positional, named] = args;
  if (name === 'map') {
    const attribute = named.get('attribute');
    const [filter, ...rest] = positional;
    return listValue(
      iterate(value).map((item) => {
        if (attribute === undefined) return call(String(filter?.value), item, [rest, named]);
        const found = attributeOf(item, attribute);
        return found.type === 'UndefinedValue' ? (named.get('default') ?? found) : found;
      }),
    );
  }
  if (!Object.hasOwn(FILTERS, name)) return null;
  return FILTERS[name]!(value, (place, argument) => positional[place] ?? named.get(argument), args);
}
