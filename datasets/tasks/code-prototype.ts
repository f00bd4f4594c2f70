import type { Stream } from '../../config/random.js';
import { contextStatement } from './context.js';
import { CONTEXT_RATE, REWORDING_RATE, type Distribution, type TaskFamily } from './family.js';
import { Grammar, normalizeSentence, sentencesOf, statement, type Statement } from './grammar.js';
import { CONTEXT_SENTENCES, NUMBERS } from './lexicon.js';

/** One step of a pipeline over a list of numbers: its code, and what it does (the oracle of the hidden tests). */
interface Step {
  code: string;
  apply(values: readonly number[], k: number): number[];
}

const keep = (test: string, holds: (x: number, k: number) => boolean): Step => ({
  code: `.filter(x => ${test})`,
  apply: (values, k) => values.filter((x) => holds(x, k)),
});
const change = (result: string, value: (x: number, k: number) => number): Step => ({
  code: `.map(x => ${result})`,
  apply: (values, k) => values.map((x) => value(x, k)),
});

export const FILTERS: Readonly<Record<string, Step>> = {
  even: keep('x % 2 === 0', (x) => x % 2 === 0),
  odd: keep('x % 2 !== 0', (x) => x % 2 !== 0),
  positive: keep('x > 0', (x) => x > 0),
  negative: keep('x < 0', (x) => x < 0),
  greater: keep('x > {k}', (x, k) => x > k),
  less: keep('x < {k}', (x, k) => x < k),
  divisible: keep('x % {k} === 0', (x, k) => x % k === 0),
};
export const MAPS: Readonly<Record<string, Step>> = {
  double: change('x * 2', (x) => x * 2),
  negate: change('-x', (x) => -x),
  add: change('x + {k}', (x, k) => x + k),
  square: change('x * x', (x) => x * x),
  absolute: change('Math.abs(x)', (x) => Math.abs(x)),
  halve: change('Math.trunc(x / 2)', (x) => Math.trunc(x / 2)),
  clamp: change('Math.min(x, {k})', (x, k) => Math.min(x, k)),
};
export const LIST_STEPS: Readonly<Record<string, Step>> = {
  sortAscending: { code: '.toSorted((a, b) => a - b)', apply: (values) => values.toSorted((a, b) => a - b) },
  sortDescending: { code: '.toSorted((a, b) => b - a)', apply: (values) => values.toSorted((a, b) => b - a) },
  take: { code: '.slice(0, {k})', apply: (values, k) => values.slice(0, k) },
  skip: { code: '.slice({k})', apply: (values, k) => values.slice(k) },
  unique: { code: '.filter((x, i, s) => s.indexOf(x) === i)', apply: (values) => [...new Set(values)] },
};
const STEPS: Readonly<Record<string, Step>> = { ...FILTERS, ...MAPS, ...LIST_STEPS };

/** What turns the list into one number. `guarded` is the form that gives 0 for an empty list. */
export const RESULTS: Readonly<
  Record<string, { code: string; guarded?: string; of(values: readonly number[]): number }>
> = {
  sum: { code: '.reduce((a, b) => a + b, 0)', of: (values) => values.reduce((a, b) => a + b, 0) },
  count: { code: '.length', of: (values) => values.length },
  biggest: {
    code: '.reduce((a, b) => Math.max(a, b), -Infinity)',
    guarded: '.toSorted((a, b) => b - a).at(0) ?? 0',
    of: (values) => Math.max(...values),
  },
  smallest: {
    code: '.reduce((a, b) => Math.min(a, b), Infinity)',
    guarded: '.toSorted((a, b) => a - b).at(0) ?? 0',
    of: (values) => Math.min(...values),
  },
  product: { code: '.reduce((a, b) => a * b, 1)', of: (values) => values.reduce((a, b) => a * b, 1) },
};

export const codeGrammar = new Grammar({
  even: ['keep even', 'select even'],
  odd: ['keep odd', 'select odd'],
  positive: ['keep positive', 'select positive'],
  negative: ['keep negative', 'select negative'],
  greater: ['keep greater than {k}', 'select above {k}'],
  less: ['keep less than {k}', 'select below {k}'],
  divisible: ['keep divisible by {k}', 'select multiples of {k}'],
  double: ['double', 'make twice as big'],
  negate: ['negate', 'flip sign'],
  add: ['add {k}', 'increase by {k}'],
  square: ['square', 'multiply by itself'],
  absolute: ['absolute', 'drop sign'],
  halve: ['halve', 'cut in half'],
  clamp: ['cap at {k}', 'limit to {k}'],
  sortAscending: ['sort ascending', 'order from small to big'],
  sortDescending: ['sort descending', 'order from big to small'],
  take: ['take first {k}', 'only first {k}'],
  skip: ['skip first {k}', 'leave out first {k}'],
  unique: ['remove duplicates', 'keep each value once'],
  sum: ['sum', 'total'],
  count: ['count', 'how many'],
  biggest: ['biggest', 'maximum'],
  smallest: ['smallest', 'minimum'],
  product: ['product', 'multiply all'],
  context: CONTEXT_SENTENCES,
});
const GUARD = 'or zero if empty';
const LIST_KINDS = Object.keys(LIST_STEPS);
const needsNumber = (kind: string) => STEPS[kind]?.code.includes('{k}') ?? false;

function draw(source: Stream, distribution: Distribution): Statement[] {
  const easy = distribution === 'easy';
  const count = easy ? source.weighted([1, 2], [0.5, 0.5]) : source.weighted([1, 2, 3, 4], [0.15, 0.35, 0.3, 0.2]);
  const filters = easy ? ['even', 'positive', 'greater'] : Object.keys(FILTERS);
  const maps = easy ? ['double', 'negate', 'add'] : Object.keys(MAPS);
  const items: Statement[] = [];
  for (let index = 0; index < count; index++) {
    const group = source.weighted(
      ['filter', 'map', ...LIST_KINDS],
      easy ? [0.5, 0.5, 0, 0, 0, 0, 0] : [0.42, 0.4, 0.06, 0.05, 0.05, 0.012, 0.012],
    );
    const kind = group === 'filter' ? source.pick(filters) : group === 'map' ? source.pick(maps) : group;
    items.push(statement(kind, needsNumber(kind) ? { k: source.pick(NUMBERS) } : {}));
  }
  const result = easy
    ? source.pick(['list', 'sum'])
    : source.pick(['list', 'list', 'sum', 'count', 'biggest', 'smallest', 'product']);
  if (result !== 'list') items.push(statement(result));
  if (RESULTS[result]?.guarded !== undefined && !easy && source.float() < 0.13) items.push(statement('guard'));
  if (easy) return items;
  if (source.float() < CONTEXT_RATE) items.push(contextStatement(source));
  return codeGrammar.reword(items, source, REWORDING_RATE);
}

function render(statements: readonly Statement[]): string {
  const steps = statements.filter((item) => item.kind !== 'context' && item.kind !== 'guard');
  const guard = statements.some((item) => item.kind === 'guard') ? ` ${GUARD}` : '';
  const context = statements.filter((item) => item.kind === 'context').map((item) => ` ${codeGrammar.render(item)}.`);
  return `${steps.map((item) => codeGrammar.render(item)).join(' then ')}${guard}.${context.join('')}`;
}

function parse(text: string): Statement[] | null {
  const [pipeline, ...context] = sentencesOf(text);
  if (pipeline === undefined) return null;
  const plain = normalizeSentence(pipeline);
  const guarded = plain.endsWith(` ${GUARD}`);
  const steps = (guarded ? plain.slice(0, -GUARD.length - 1) : plain)
    .split(' then ')
    .map((step) => codeGrammar.parse(step));
  const known = steps.filter((step): step is Statement => step !== null && step.kind !== 'context');
  const last = known.at(-1);
  const misplaced = known.slice(0, -1).some((step) => RESULTS[step.kind] !== undefined);
  const badNumber = known.some((step) => step.slots['k'] !== undefined && !/^\d{1,3}$/.test(step.slots['k']));
  if (known.length !== steps.length || last === undefined || misplaced || badNumber) return null;
  if (guarded && RESULTS[last.kind]?.guarded === undefined) return null;
  const rest = context.map((sentence) => codeGrammar.parse(sentence));
  if (rest.some((item) => item?.kind !== 'context')) return null;
  return [...known, ...(guarded ? [statement('guard')] : []), ...(rest as Statement[])];
}

/** The TypeScript that a specification asks for: the body of `(xs: number[]) => …`. */
function reference(statements: readonly Statement[]): string {
  const guarded = statements.some((item) => item.kind === 'guard');
  let code = 'return xs';
  for (const { kind, slots } of statements) {
    const result = RESULTS[kind];
    const text = STEPS[kind]?.code ?? (guarded ? result?.guarded : undefined) ?? result?.code ?? '';
    code += text.replace('{k}', slots['k'] ?? '');
  }
  return code;
}

/** What a specification asks for, computed directly: the oracle of the hidden tests. */
export function runSpecification(statements: readonly Statement[], input: readonly number[]): number | number[] {
  const guarded = statements.some((item) => item.kind === 'guard');
  let values: number[] = [...input];
  for (const { kind, slots } of statements) {
    const result = RESULTS[kind];
    if (result !== undefined) return guarded && values.length === 0 ? 0 : result.of(values);
    values = STEPS[kind]?.apply(values, Number(slots['k'])) ?? values;
  }
  return values;
}

function rename(statements: readonly Statement[], source: Stream) {
  const names = new Map<string, string>();
  return {
    names,
    statements: statements.map((item) =>
      item.slots['k'] === undefined ? item : { ...item, slots: { k: source.pick(NUMBERS) } },
    ),
  };
}

export const codeFamily: TaskFamily = {
  artifactType: 'code_prototype',
  draw,
  parse,
  rename,
  render,
  reference,
  reword: (statements, source, probability) => codeGrammar.reword(statements, source, probability),
  constructs: (statements) =>
    [...new Set(statements.map((item) => item.kind))].filter((kind) => kind !== 'context').sort(),
  size: (statements) => statements.filter((item) => STEPS[item.kind] ?? RESULTS[item.kind]).length,
};
