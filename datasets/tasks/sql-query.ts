import type { Stream } from '../../config/random.js';
import type { SqlTable, SqlType } from '../sql/syntax.js';
import { contextStatement } from './context.js';
import { CONTEXT_RATE, REWORDING_RATE, type Distribution, type TaskFamily } from './family.js';
import { Grammar, sentencesOf, statement, zipfSample, type Statement } from './grammar.js';
import { ATTRIBUTE_TYPES, ATTRIBUTES, CONTEXT_SENTENCES, ENTITIES, NUMBERS } from './lexicon.js';

/** Words of SQL that would need quotes as names, and `count`, which reads like the aggregate. */
const NOT_NAMES: ReadonlySet<string> = new Set(['order', 'end', 'count']);
const SQL_TYPES: Readonly<Record<string, SqlType>> = { string: 'text', int: 'number', decimal: 'number' };

export const TABLES: readonly string[] = ENTITIES.filter((name) => !NOT_NAMES.has(name));

/** Column → type: the texts and numbers of the lexicon. */
export const COLUMN_TYPES: Readonly<Record<string, SqlType>> = Object.fromEntries(
  ATTRIBUTES.flatMap((name) => {
    const type = SQL_TYPES[ATTRIBUTE_TYPES[name]!];
    return type === undefined || NOT_NAMES.has(name) ? [] : [[name, type]];
  }),
);
export const COLUMNS = Object.keys(COLUMN_TYPES);
const columnsOf = (type: SqlType) => COLUMNS.filter((name) => COLUMN_TYPES[name] === type);

/** Kind of statement → SQL. */
export const SQL_AGGREGATES: Readonly<Record<string, string>> = {
  count: 'COUNT', sum: 'SUM', average: 'AVG', biggest: 'MAX', smallest: 'MIN',
}; // prettier-ignore
export const SQL_FILTERS: Readonly<Record<string, string>> = {
  greater: '{column} > {k}', less: '{column} < {k}', equals: '{column} = {k}', missing: '{column} IS NULL',
}; // prettier-ignore

/** Sizes of groups that are asked for: the hidden tables are small. */
const GROUP_SIZES = NUMBERS.slice(0, 3);

export const sqlGrammar = new Grammar({
  table: ['a table {table} has {list}', 'rows of {table} come with {list}'],
  show: ['show {list}', 'give {list}'],
  count: ['show number of rows', 'tell how many rows'],
  sum: ['show total of {column}', 'add up {column}'],
  average: ['show average of {column}', 'tell mean of {column}'],
  biggest: ['show biggest {column}', 'tell maximum of {column}'],
  smallest: ['show smallest {column}', 'tell minimum of {column}'],
  unique: ['remove duplicates', 'keep each value once'],
  greater: ['only where {column} is above {k}', 'keep {column} greater than {k}'],
  less: ['only where {column} is below {k}', 'keep {column} less than {k}'],
  equals: ['only where {column} is exactly {k}', 'keep {column} equal to {k}'],
  missing: ['only where {column} is missing', 'keep rows without {column}'],
  group: ['for each {column}', 'grouped by {column}'],
  having: ['only groups of more than {k} rows', 'leave out groups of {k} rows or less'],
  sortAscending: ['sort by {column} ascending', 'order by {column} from small to big'],
  sortDescending: ['sort by {column} descending', 'order by {column} from big to small'],
  skip: ['skip first {k} rows', 'leave out first {k} rows'],
  take: ['only first {k} rows', 'stop after {k} rows'],
  context: CONTEXT_SENTENCES,
});

/** Sentences come in this order, those of one place once (filters as often as wanted), so that a text means one query. */
const PLACES: readonly (readonly string[])[] = [
  ['table'],
  ['show', ...Object.keys(SQL_AGGREGATES)],
  ['unique'],
  Object.keys(SQL_FILTERS),
  ['group'],
  ['having'],
  ['sortAscending', 'sortDescending'],
  ['skip'],
  ['take'],
];
const placeOf = (kind: string) => PLACES.findIndex((kinds) => kinds.includes(kind));
const FILTER_PLACE = placeOf('missing');

/** A request, clause by clause; numbers are texts as written. */
export interface SqlQuery {
  table: string;
  /** All columns of the table. */
  columns: string[];
  distinct: boolean;
  /** Columns that are shown; empty where only an aggregate is. */
  shown: string[];
  /** An aggregate's kind of statement and its column, null for rows. */
  aggregate: { kind: string; column: string | null } | null;
  filters: { kind: string; column: string; k: string }[];
  group: string | null;
  having: string | null;
  sort: { column: string; descending: boolean } | null;
  offset: string | null;
  limit: string | null;
}

/** What statements ask for; null where the result would be undetermined or the query is none. */
export function sqlQuery(statements: readonly Statement[]): SqlQuery | null {
  const items = statements.filter(({ kind }) => kind !== 'context');
  const places = items.map(({ kind }) => placeOf(kind));
  const follows = (place: number, before: number) => place > before || (place === before && place === FILTER_PLACE);
  if (places.some((place, index) => index > 0 && !follows(place, places[index - 1]!))) return null;
  const find = (...kinds: string[]) => items.find(({ kind }) => kinds.includes(kind));
  const [table, wanted] = items;
  if (table?.kind !== 'table' || wanted === undefined || places[1] !== 1) return null;
  const list = (item: Statement) => item.slots['list']!.split(/, ?/);
  const group = find('group')?.slots['column'] ?? null;
  const sort = find('sortAscending', 'sortDescending');
  const query: SqlQuery = {
    table: table.slots['table']!,
    columns: list(table),
    distinct: find('unique') !== undefined,
    shown: wanted.kind === 'show' ? list(wanted) : group === null ? [] : [group],
    aggregate: wanted.kind === 'show' ? null : { kind: wanted.kind, column: wanted.slots['column'] ?? null },
    filters: items
      .filter(({ kind }) => kind in SQL_FILTERS)
      .map(({ kind, slots }) => ({ kind, column: slots['column']!, k: slots['k'] ?? '' })),
    group,
    having: find('having')?.slots['k'] ?? null,
    sort: sort === undefined ? null : { column: sort.slots['column']!, descending: sort.kind === 'sortDescending' },
    offset: find('skip')?.slots['k'] ?? null,
    limit: find('take')?.slots['k'] ?? null,
  };
  return isSound(query) ? query : null;
}

function isSound({
  table,
  columns,
  distinct,
  shown,
  aggregate,
  filters,
  group,
  having,
  sort,
  offset,
  limit,
}: SqlQuery) {
  const aggregated = aggregate?.column ?? null;
  const used = [...shown, ...filters.map(({ column }) => column), aggregated, sort?.column ?? null, group];
  const numbers = [...filters.filter(({ kind }) => kind !== 'missing').map(({ k }) => k), having, offset, limit];
  const numeric = filters.filter(({ kind }) => kind !== 'missing').map(({ column }) => column);
  if (aggregated !== null) numeric.push(aggregated);
  const different = (names: readonly string[]) => new Set(names).size === names.length;
  return (
    TABLES.includes(table) &&
    [...columns, ...numeric].every((name) => name in COLUMN_TYPES) &&
    different(columns) &&
    different(shown) &&
    used.every((name) => name === null || columns.includes(name)) &&
    numeric.every((name) => COLUMN_TYPES[name] === 'number') &&
    numbers.every((k) => k === null || /^\d{1,3}$/.test(k)) &&
    (group === null || aggregate !== null) &&
    (having === null || group !== null) &&
    // What is sorted is what is there after grouping and removing duplicates.
    (!distinct || (aggregate === null && shown.length === 1)) &&
    (sort === null || (!distinct && aggregate === null) || (shown.length === 1 && shown[0] === sort.column)) &&
    // Which rows are the first is open without an order.
    (sort !== null || (offset === null && limit === null))
  );
}

/** The SQL of a request. */
export function renderSql(query: SqlQuery): string {
  const { aggregate, filters, sort } = query;
  const items = [...query.shown];
  if (aggregate !== null) items.push(`${SQL_AGGREGATES[aggregate.kind]}(${aggregate.column ?? '*'})`);
  const tests = filters.map(({ kind, column, k }) => SQL_FILTERS[kind]!.replace('{column}', column).replace('{k}', k));
  return [
    `SELECT ${query.distinct ? 'DISTINCT ' : ''}${items.join(', ')} FROM ${query.table}`,
    ...(tests.length === 0 ? [] : [`WHERE ${tests.join(' AND ')}`]),
    ...(query.group === null ? [] : [`GROUP BY ${query.group}`]),
    ...(query.having === null ? [] : [`HAVING COUNT(*) > ${query.having}`]),
    ...(sort === null ? [] : [`ORDER BY ${sort.column}${sort.descending ? ' DESC' : ''}`]),
    ...(query.limit === null ? [] : [`LIMIT ${query.limit}`]),
    ...(query.offset === null ? [] : [`OFFSET ${query.offset}`]),
  ].join(' ');
}

/** Name and typed columns of the table that a request is about. */
export function tableOf({ table, columns }: SqlQuery): Pick<SqlTable, 'name' | 'columns'> {
  return { name: table, columns: columns.map((name) => ({ name, type: COLUMN_TYPES[name]! })) };
}

function draw(source: Stream, distribution: Distribution): Statement[] {
  const easy = distribution === 'easy';
  const half = <T>(items: readonly T[]) => (easy ? items.filter((_, index) => index % 2 === 0) : items);
  const texts = zipfSample(source, half(columnsOf('text')), 1);
  const numbers = zipfSample(source, half(columnsOf('number')), easy ? source.pick([1, 2]) : 2);
  if (!easy && source.float() < 0.5) {
    const [from, type] = source.pick([[texts, 'text'] as const, [numbers, 'number'] as const]);
    from.push(...zipfSample(source, columnsOf(type).filter((name) => !from.includes(name)), 1)); // prettier-ignore
  }
  const columns = source.shuffle([...texts, ...numbers]);
  const [table] = zipfSample(source, easy ? TABLES.slice(0, 20) : TABLES, 1);
  const items = [statement('table', { table: table!, list: columns.join(', ') })];
  const shape = easy
    ? source.weighted(['list', 'aggregate'], [0.6, 0.4])
    : source.weighted(['list', 'aggregate', 'grouped'], [0.5, 0.2, 0.3]);
  const add = (kind: string, slots: Record<string, string> = {}) => items.push(statement(kind, slots));
  let sortable = columns;
  if (shape === 'list') {
    const distinct = !easy && source.float() < 0.055;
    const count = distinct ? 1 : easy ? source.pick([1, 2]) : source.weighted([1, 2, 3], [0.35, 0.4, 0.25]);
    const shown = source.shuffle(columns).slice(0, count);
    add('show', { list: shown.join(', ') });
    if (distinct) add('unique');
    if (distinct) sortable = shown;
  } else {
    const kind = source.pick(easy ? ['count', 'sum'] : Object.keys(SQL_AGGREGATES));
    add(kind, kind === 'count' ? {} : { column: source.pick(numbers) });
  }
  const filters = easy ? source.pick([0, 1]) : source.weighted([0, 1, 2], [0.2, 0.45, 0.35]);
  const free = source.shuffle(numbers);
  for (let index = 0; index < filters; index++) {
    const kind = easy ? 'greater' : source.weighted(Object.keys(SQL_FILTERS), [0.44, 0.36, 0.178, 0.022]);
    if (kind === 'missing')
      add(kind, { column: source.pick(columns.filter((name) => !free.slice(0, filters).includes(name))) });
    else add(kind, { column: free[index]!, k: source.pick(NUMBERS) });
    // Values that are all the same have no order.
    const { kind: added, slots } = items.at(-1)!;
    if (added === 'equals' || added === 'missing') sortable = sortable.filter((name) => name !== slots['column']);
  }
  if (shape === 'aggregate') return finish(items, source, easy);
  if (shape === 'grouped') {
    const group = source.pick(texts);
    sortable = [group];
    add('group', { column: group });
    if (source.float() < 0.08) add('having', { k: source.pick(GROUP_SIZES) });
  }
  if (sortable.length > 0 && source.float() < (easy ? 0.35 : 0.5)) {
    add(easy || source.float() < 0.65 ? 'sortAscending' : 'sortDescending', { column: source.pick(sortable) });
    if (!easy && source.float() < 0.045) add('skip', { k: source.pick(NUMBERS) });
    if (!easy && source.float() < 0.35) add('take', { k: source.pick(NUMBERS) });
  }
  return finish(items, source, easy);
}

function finish(items: Statement[], source: Stream, easy: boolean): Statement[] {
  if (easy) return items;
  if (source.float() < CONTEXT_RATE) items.push(contextStatement(source));
  return sqlGrammar.reword(items, source, REWORDING_RATE);
}

function render(statements: readonly Statement[]): string {
  return statements.map((item) => `${sqlGrammar.render(item)}.`).join(' ');
}

function parse(text: string): Statement[] | null {
  const statements = sentencesOf(text).map((sentence) => sqlGrammar.parse(sentence));
  if (statements.some((item) => item === null)) return null;
  return sqlQuery(statements as Statement[]) === null ? null : (statements as Statement[]);
}

function rename(statements: readonly Statement[], source: Stream) {
  const query = sqlQuery(statements)!;
  const names = new Map<string, string>([[query.table, source.pick(TABLES)]]);
  for (const type of ['text', 'number'] as const) {
    const others = source.shuffle(columnsOf(type));
    query.columns
      .filter((name) => COLUMN_TYPES[name] === type)
      .forEach((name, index) => names.set(name, others[index]!));
  }
  const renamed = statements.map((item): Statement => {
    const slots: Record<string, string> = {};
    for (const [slot, value] of Object.entries(item.slots)) {
      const numbers = item.kind === 'having' ? GROUP_SIZES : NUMBERS;
      slots[slot] = slot === 'k' ? source.pick(numbers) : value.replaceAll(/[a-z]+/g, (word) => names.get(word)!);
    }
    return { ...item, slots };
  });
  return { names, statements: renamed };
}

const PLAIN: ReadonlySet<string> = new Set(['table', 'show', 'context']);

export const sqlFamily: TaskFamily = {
  artifactType: 'sql_query',
  draw,
  parse,
  rename,
  render,
  reference: (statements) => renderSql(sqlQuery(statements)!),
  reword: (statements, source, probability) => sqlGrammar.reword(statements, source, probability),
  constructs: (statements) =>
    [...new Set(statements.map((item) => item.kind))].filter((kind) => !PLAIN.has(kind)).sort(),
  size: (statements) => statements.filter((item) => item.kind !== 'table' && item.kind !== 'context').length,
};
