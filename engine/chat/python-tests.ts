import { pythonEquals, type TemplateValue } from './python-values.js';

/** Python's `bool(value)`. */
export const isTrue = (value: TemplateValue): boolean => value.__bool__().value;

const COLLECTIONS = ['ArrayValue', 'TupleValue', 'ObjectValue', 'StringValue'];
const NUMBERS = ['IntegerValue', 'FloatValue', 'BooleanValue'];

type Test = (value: TemplateValue, argument: TemplateValue | undefined) => boolean;

const order =
  (accepts: (sign: number) => boolean): Test =>
  (a, b) =>
    b !== undefined && accepts(pythonCompare(a, b));

const equal: Test = (a, b) => b !== undefined && pythonEquals(a, b);
const unequal: Test = (a, b) => !equal(a, b);
const greater = order((sign) => sign > 0);
const less = order((sign) => sign < 0);
const atLeast = order((sign) => sign >= 0);
const atMost = order((sign) => sign <= 0);

/** Jinja's tests whose meaning differs in the library or that it lacks; its own are used for the others. */
const TESTS: Readonly<Record<string, Test>> = {
  defined: ({ type }) => type !== 'UndefinedValue',
  undefined: ({ type }) => type === 'UndefinedValue',
  none: ({ type }) => type === 'NullValue',
  string: ({ type }) => type === 'StringValue',
  mapping: ({ type }) => type === 'ObjectValue',
  iterable: ({ type }) => COLLECTIONS.includes(type) || type === 'UndefinedValue',
  sequence: ({ type }) => COLLECTIONS.includes(type) || type === 'UndefinedValue',
  number: ({ type }) => NUMBERS.includes(type),
  integer: ({ type }) => type === 'IntegerValue',
  float: ({ type }) => type === 'FloatValue',
  boolean: ({ type }) => type === 'BooleanValue',
  true: ({ type, value }) => type === 'BooleanValue' && value === true,
  false: ({ type, value }) => type === 'BooleanValue' && value === false,
  odd: ({ value }) => Math.abs(Number(value)) % 2 === 1,
  even: ({ value }) => Number(value) % 2 === 0,
  in: (a, b) => b !== undefined && contains(b, a),
  eq: equal,
  equalto: equal,
  '==': equal,
  ne: unequal,
  '!=': unequal,
  gt: greater,
  greaterthan: greater,
  '>': greater,
  lt: less,
  lessthan: less,
  '<': less,
  ge: atLeast,
  '>=': atLeast,
  le: atMost,
  '<=': atMost,
};

/** The test of this name; null when it is not one of these. */
export function findTest(name: string): Test | null {
  return Object.hasOwn(TESTS, name) ? TESTS[name]! : null;
}

/** Python's `item in container`. */
export function contains(container: TemplateValue, item: TemplateValue): boolean {
  if (container.type === 'UndefinedValue') return false;
  if (container.type === 'ArrayValue' || container.type === 'TupleValue') {
    return (container.value as TemplateValue[]).some((entry) => pythonEquals(item, entry));
  }
  if (container.type === 'ObjectValue')
    return item.type === 'StringValue' && (container.value as Map<string, unknown>).has(item.value as string);
  if (container.type === 'StringValue' && item.type === 'StringValue') {
    return (container.value as string).includes(item.value as string);
  }
  throw new Error(`"in" is not supported between ${item.type} and ${container.type}`);
}

/** Sign of Python's comparison of two numbers, texts (by code point) or lists. */
export function pythonCompare(a: TemplateValue, b: TemplateValue): number {
  if (NUMBERS.includes(a.type) && NUMBERS.includes(b.type)) return Number(a.value) - Number(b.value);
  if (a.type === 'StringValue' && b.type === 'StringValue') {
    return Buffer.compare(Buffer.from(a.value as string), Buffer.from(b.value as string));
  }
  if (a.type === b.type && (a.type === 'ArrayValue' || a.type === 'TupleValue')) {
    const [left, right] = [a.value as TemplateValue[], b.value as TemplateValue[]];
    const place = left.findIndex((item, index) => index >= right.length || !pythonEquals(item, right[index]!));
    if (place < 0) return left.length - right.length;
    return place >= right.length ? 1 : pythonCompare(left[place]!, right[place]!);
  }
  throw new Error(`${a.type} and ${b.type} have no order`);
}
