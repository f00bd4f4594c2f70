import type { ArtifactType } from '../../config/domain.js';
import type { Stream } from '../../config/random.js';
import { parseSpecification, referenceFor } from './families.js';
import { architectureGraph, renderArchitecture, type Edge } from './architecture.js';
import { codeFamily, FILTERS, LIST_STEPS, MAPS, RESULTS } from './code-prototype.js';
import { CARDINALITIES, erdGraph, renderErd } from './erd.js';
import type { Statement } from './grammar.js';
import { ATTRIBUTES, ATTRIBUTE_TYPES, NUMBERS, SERVICES } from './lexicon.js';
import { COLUMN_TYPES, renderSql, SQL_AGGREGATES, SQL_FILTERS, sqlQuery } from './sql-query.js';
import { validateArtifact } from './validators/validate-artifact.js';

const CORRUPT: Readonly<Record<ArtifactType, (statements: Statement[], source: Stream, edits: number) => string>> = {
  erd: corruptErd,
  code_prototype: corruptCode,
  architecture: corruptArchitecture,
  sql_query: corruptSql,
};

/**
 * A plausible wrong answer: the correct artifact with `edits` mistakes of the kind a model makes. It still parses, and
 * scores below 100. Throws `E_DATA_INVALID` for a specification outside the closed language.
 */
export function corruptArtifact(artifactType: ArtifactType, specification: string, source: Stream, edits = 1): string {
  const statements = parseSpecification(artifactType, specification);
  for (let attempt = 0; attempt < 50; attempt++) {
    const output = CORRUPT[artifactType](statements, source, edits + Math.floor(attempt / 10));
    if (validateArtifact(artifactType, specification, output).score < 100) return output;
  }
  // Mistakes may cancel out (negating twice); a truncated answer never does.
  return referenceFor(artifactType, specification).split('\n')[0]!.slice(0, 'return xs'.length);
}

function corruptErd(statements: Statement[], source: Stream, edits: number): string {
  const graph = erdGraph(statements);
  for (let edit = 0; edit < edits; edit++) {
    const relations = graph.relations;
    const entity = source.pick([...graph.entities.keys()]);
    const attributes = graph.entities.get(entity)!;
    const kind = source.integer(relations.length > 0 ? 6 : 3);
    if (kind === 0 && attributes.length > 1) attributes.splice(1 + source.integer(attributes.length - 1), 1);
    else if (kind === 1) {
      const attribute = source.pick(attributes);
      attribute.type = attribute.type === 'string' ? 'int' : 'string';
    } else if (kind === 2) {
      const name = source.pick(ATTRIBUTES);
      attributes.push({ type: ATTRIBUTE_TYPES[name]!, name, key: '' });
    } else if (kind === 3) {
      const relation = source.pick(relations);
      relation.cardinality = source.pick(
        Object.values(CARDINALITIES).filter((other) => other !== relation.cardinality),
      );
    } else if (kind === 4) {
      const relation = source.pick(relations);
      [relation.from, relation.to] = [relation.to, relation.from];
    } else if (relations.length > 0) relations.splice(source.integer(relations.length), 1);
  }
  return renderErd(graph);
}

function corruptArchitecture(statements: Statement[], source: Stream, edits: number): string {
  let edges: Edge[] = [...architectureGraph(statements).edges];
  for (let edit = 0; edit < edits; edit++) {
    const index = source.integer(edges.length);
    const [from, to] = edges[index]!;
    const kind = source.integer(4);
    if (kind === 0 && edges.length > 1) edges.splice(index, 1);
    else if (kind === 1) edges[index] = [to, from];
    else if (kind === 2) edges[index] = [from, source.pick(SERVICES)];
    else {
      // Leaves out what stands between: the queue, the cache, the balancer.
      const next = edges.find((edge) => edge[0] === to);
      if (next)
        edges = edges.filter((edge) => edge !== next).map((edge, at): Edge => (at === index ? [from, next[1]] : edge));
      else edges[index] = [from, to.includes('_') ? to.split('_')[0]! : `${to}_db`];
    }
  }
  return renderArchitecture(
    edges.filter((edge, index) => edges.findIndex((other) => other.join() === edge.join()) === index),
  );
}

function corruptCode(statements: Statement[], source: Stream, edits: number): string {
  let items = statements.filter((item) => item.kind !== 'context');
  for (let edit = 0; edit < edits; edit++) {
    const index = source.integer(items.length);
    const item = items[index]!;
    const kind = source.integer(4);
    const group = [FILTERS, MAPS, LIST_STEPS, RESULTS].find((table) => table[item.kind] !== undefined);
    if (item.kind === 'guard' || (kind === 0 && items.length > 1)) items = items.toSpliced(index, 1);
    else if (kind === 1 && item.slots['k'] !== undefined)
      items[index] = { ...item, slots: { k: source.pick(NUMBERS) } };
    else if (
      kind === 2 &&
      group !== RESULTS &&
      index + 1 < items.length &&
      RESULTS[items[index + 1]!.kind] === undefined
    ) {
      [items[index], items[index + 1]] = [items[index + 1]!, item];
    } else if (group) {
      const other = source.pick(Object.keys(group).filter((name) => name !== item.kind));
      items[index] = { ...item, kind: other, slots: { k: item.slots['k'] ?? source.pick(NUMBERS) } };
    }
    const last = items.at(-1);
    if (last?.kind === 'guard' && RESULTS[items.at(-2)?.kind ?? '']?.guarded === undefined) items = items.slice(0, -1);
  }
  return codeFamily.reference(items);
}

function corruptSql(statements: Statement[], source: Stream, edits: number): string {
  const query = sqlQuery(statements)!;
  const others = <T>(items: readonly T[], item: T) => items.filter((other) => other !== item);
  /** Another column of the table, of the same type where that matters. */
  const otherColumn = (column: string, sameType = true) => {
    const left = others(query.columns, column).filter(
      (name) => !sameType || COLUMN_TYPES[name] === COLUMN_TYPES[column],
    );
    return left.length === 0 ? column : source.pick(left);
  };
  for (let edit = 0; edit < edits; edit++) {
    const { aggregate, filters, sort } = query;
    const filter = filters.length === 0 ? null : source.pick(filters);
    const mistakes: (() => void)[] = [];
    if (aggregate === null && !query.distinct) {
      const at = source.integer(query.shown.length);
      const unused = query.columns.filter((name) => !query.shown.includes(name));
      if (unused.length > 0) mistakes.push(() => (query.shown[at] = source.pick(unused)));
      if (query.shown.length > 1) mistakes.push(() => query.shown.splice(at, 1));
    }
    if (aggregate !== null && aggregate.column !== null) {
      const kinds = others(Object.keys(SQL_AGGREGATES), aggregate.kind).filter((kind) => kind !== 'count');
      mistakes.push(() => (aggregate.kind = source.pick(kinds)));
      mistakes.push(() => (aggregate.column = otherColumn(aggregate.column!)));
    }
    if (filter !== null) {
      mistakes.push(() => (query.filters = others(filters, filter)));
      mistakes.push(() => (filter.column = otherColumn(filter.column)));
      if (filter.kind !== 'missing') {
        mistakes.push(() => (filter.k = source.pick(NUMBERS)));
        mistakes.push(() => (filter.kind = source.pick(others(Object.keys(SQL_FILTERS), filter.kind))));
      }
    }
    if (sort !== null) {
      mistakes.push(() => (sort.descending = !sort.descending));
      mistakes.push(() => (query.sort = null));
      if (aggregate === null && !query.distinct) mistakes.push(() => (sort.column = otherColumn(sort.column, false)));
    }
    for (const clause of ['having', 'limit', 'offset'] as const) {
      if (query[clause] === null) continue;
      mistakes.push(() => (query[clause] = null));
      mistakes.push(() => (query[clause] = source.pick(NUMBERS)));
    }
    if (query.distinct) mistakes.push(() => (query.distinct = false));
    if (query.group !== null)
      mistakes.push(() => Object.assign(query, { shown: [], group: null, having: null, sort: null }));
    if (mistakes.length > 0) source.pick(mistakes)();
    else {
      const numbers = query.columns.filter((name) => COLUMN_TYPES[name] === 'number');
      if (numbers.length === 0) query.limit = source.pick(NUMBERS);
      else query.filters.push({ kind: 'greater', column: source.pick(numbers), k: source.pick(NUMBERS) });
    }
  }
  return renderSql(query);
}
