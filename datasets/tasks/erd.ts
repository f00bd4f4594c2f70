import type { Stream } from '../../config/random.js';
import { contextStatement } from './context.js';
import { CONTEXT_RATE, REWORDING_RATE, type Distribution, type TaskFamily } from './family.js';
import { Grammar, sentencesOf, statement, zipfSample, type Statement } from './grammar.js';
import { ATTRIBUTES, ATTRIBUTE_TYPES, CONTEXT_SENTENCES, ENTITIES, VERBS } from './lexicon.js';

/** One attribute line: `type name KEY`. */
export interface ErdAttribute {
  type: string;
  name: string;
  key: '' | 'PK' | 'FK';
}

/** One relation line: `from cardinality to : label`. */
export interface ErdRelation {
  from: string;
  cardinality: string;
  to: string;
  label: string;
}

/** An entity-relationship diagram: entities in order with their attributes, and relations. */
export interface ErdGraph {
  entities: Map<string, ErdAttribute[]>;
  relations: ErdRelation[];
}

/** Kind of relation → Mermaid cardinality. */
export const CARDINALITIES: Readonly<Record<string, string>> = {
  many: '||--o{',
  some: '||--|{',
  optional: '||--o|',
  one: '||--||',
};
const SELF_CARDINALITY = '|o--o{';
const KINDS = ['many', 'some', 'optional', 'one', 'manyToMany', 'weak'];

export const erdGrammar = new Grammar({
  entity: ['a {entity} has {list}', 'every {entity} comes with {list}'],
  many: ['each {from} {verb} many {to}', 'one {from} {verb} any number of {to}'],
  some: ['each {from} {verb} at least one {to}', 'one {from} {verb} one or more {to}'],
  optional: ['each {from} {verb} at most one {to}', 'one {from} {verb} zero or one {to}'],
  one: ['each {from} {verb} exactly one {to}', 'one {from} {verb} just one {to}'],
  manyToMany: ['many {from} {verb} many {to}', 'several {from} {verb} several {to}'],
  weak: ['a {to} exists only inside a {from}', 'no {to} without a {from}'],
  self: ['a {entity} may report to another {entity2}', 'some {entity} report to another {entity2}'],
  context: CONTEXT_SENTENCES,
});

function draw(source: Stream, distribution: Distribution): Statement[] {
  const easy = distribution === 'easy';
  const count = easy ? source.weighted([1, 2], [0.4, 0.6]) : source.weighted([1, 2, 3, 4], [0.15, 0.35, 0.35, 0.15]);
  const entities = zipfSample(source, easy ? ENTITIES.slice(0, 20) : ENTITIES, count);
  const attributes = easy ? ATTRIBUTES.filter((_, index) => index % 2 === 0) : ATTRIBUTES;
  const items = entities.map((entity) =>
    statement('entity', {
      entity,
      list: zipfSample(source, attributes, source.weighted([1, 2, 3], [0.4, 0.4, 0.2])).join(', '),
    }),
  );
  for (let index = 1; index < count; index++) {
    const from = entities[index - 1]!;
    const to = entities[index]!;
    const verb = source.pick(VERBS);
    const kind = easy ? 'many' : source.weighted(KINDS, [0.42, 0.18, 0.14, 0.11, 0.11, 0.04]);
    items.push(statement(kind, kind === 'weak' ? { from, to } : { from, verb, to }));
  }
  if (easy) return items;
  if (source.float() < 0.035) {
    const entity = source.pick(entities);
    items.push(statement('self', { entity, entity2: entity }));
  }
  if (source.float() < CONTEXT_RATE) items.push(contextStatement(source));
  return erdGrammar.reword(items, source, REWORDING_RATE);
}

function parse(text: string): Statement[] | null {
  const items: Statement[] = [];
  for (const sentence of sentencesOf(text)) {
    const item = erdGrammar.parse(sentence);
    if (item === null || (item.kind === 'self' && item.slots['entity'] !== item.slots['entity2'])) return null;
    const list = item.slots['list'];
    items.push(list === undefined ? item : { ...item, slots: { ...item.slots, list: list.split(/, ?/).join(', ') } });
  }
  return items.some((item) => item.kind !== 'context') ? items : null;
}

/**
 * The diagram a specification asks for. Every entity has `int id PK`; many-to-many makes a junction entity with two
 * foreign keys; a weak entity carries its owner's key. An entity that only relations name has just its id.
 */
export function erdGraph(statements: readonly Statement[]): ErdGraph {
  const graph: ErdGraph = { entities: new Map(), relations: [] };
  const entity = (name: string) => {
    const attributes = graph.entities.get(name) ?? [{ type: 'int', name: 'id', key: 'PK' } as ErdAttribute];
    graph.entities.set(name, attributes);
    return attributes;
  };
  const foreignKey = (name: string, owner: string) => {
    const attributes = entity(name);
    const key: ErdAttribute = { type: 'int', name: `${owner}_id`, key: 'FK' };
    if (!attributes.some((attribute) => attribute.name === key.name)) attributes.push(key);
  };
  const relate = (relation: ErdRelation) => {
    if (!graph.relations.some((other) => sameRelation(other, relation))) graph.relations.push(relation);
  };
  for (const { kind, slots } of statements) {
    if (kind !== 'entity') continue;
    const attributes = entity(slots['entity']!);
    for (const name of slots['list']!.split(', ')) {
      if (attributes.some((attribute) => attribute.name === name)) continue;
      attributes.push({ type: ATTRIBUTE_TYPES[name] ?? 'string', name, key: '' });
    }
  }
  for (const { kind, slots } of statements) {
    const { from = '', to = '', verb = '' } = slots;
    if (kind === 'self') {
      const name = slots['entity']!;
      entity(name);
      relate({ from: name, cardinality: SELF_CARDINALITY, to: name, label: 'reports' });
    } else if (kind === 'weak') {
      entity(from);
      foreignKey(to, from);
      relate({ from, cardinality: '||--|{', to, label: 'contains' });
    } else if (kind === 'manyToMany') {
      const junction = `${from}_${to}`;
      for (const side of [from, to]) {
        entity(side);
        foreignKey(junction, side);
        relate({ from: side, cardinality: '||--o{', to: junction, label: verb });
      }
    } else if (CARDINALITIES[kind] !== undefined) {
      entity(from);
      entity(to);
      relate({ from, cardinality: CARDINALITIES[kind], to, label: verb });
    }
  }
  return graph;
}

/** Mermaid text of a diagram, one statement a line, without indentation. */
export function renderErd(graph: ErdGraph): string {
  const lines = ['erDiagram'];
  for (const [name, attributes] of graph.entities) {
    lines.push(`${name} {`);
    for (const attribute of attributes) {
      lines.push(`${attribute.type} ${attribute.name}${attribute.key === '' ? '' : ` ${attribute.key}`}`);
    }
    lines.push('}');
  }
  for (const { from, cardinality, to, label } of graph.relations) lines.push(`${from} ${cardinality} ${to} : ${label}`);
  return lines.join('\n');
}

/** Reads Mermaid text. `bad` counts lines that are no diagram, repeat something, or are missing; null without the header. */
export function parseErd(text: string): { graph: ErdGraph; lines: number; bad: number } | null {
  const [header, ...lines] = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (header !== 'erDiagram') return null;
  const graph: ErdGraph = { entities: new Map(), relations: [] };
  let open: ErdAttribute[] | null = null;
  let bad = 0;
  for (const line of lines) {
    const words = line.split(/\s+/);
    if (open === null && words.length === 2 && words[1] === '{') {
      if (graph.entities.has(words[0]!)) bad++;
      open = graph.entities.get(words[0]!) ?? [];
      graph.entities.set(words[0]!, open);
    } else if (open !== null && line === '}') {
      open = null;
    } else if (open !== null && isAttribute(words)) {
      if (open.some((attribute) => attribute.name === words[1])) bad++;
      else open.push({ type: words[0]!, name: words[1]!, key: (words[2] ?? '') as ErdAttribute['key'] });
    } else if (open === null && words.length === 5 && words[3] === ':' && /^[|}][|o]--[|o][|{]$/.test(words[1]!)) {
      const relation = { from: words[0]!, cardinality: words[1]!, to: words[2]!, label: words[4]! };
      if (graph.relations.some((other) => sameRelation(other, relation))) bad++;
      else graph.relations.push(relation);
    } else bad++;
  }
  return { graph, lines: lines.length, bad: bad + (open === null ? 0 : 1) };
}

function isAttribute(words: string[]): boolean {
  return (
    words.every((word, index) => index === 2 || /^\w+$/.test(word)) &&
    (words.length === 2 || (words.length === 3 && (words[2] === 'PK' || words[2] === 'FK')))
  );
}

function sameRelation(a: ErdRelation, b: ErdRelation): boolean {
  return a.from === b.from && a.to === b.to && a.cardinality === b.cardinality && a.label === b.label;
}

function rename(statements: readonly Statement[], source: Stream) {
  const used = [...erdGraph(statements.filter((item) => item.kind === 'entity')).entities];
  const names = new Map<string, string>();
  const entities = source.shuffle(ENTITIES);
  for (const [index, [entity]] of used.entries()) names.set(entity, entities[index]!);
  const types = [...new Set(Object.values(ATTRIBUTE_TYPES))];
  for (const type of types) {
    const group = ATTRIBUTES.filter((name) => ATTRIBUTE_TYPES[name] === type);
    const shuffled = source.shuffle(group);
    for (const [index, name] of group.entries()) names.set(name, shuffled[index]!);
  }
  const word = (text: string) => names.get(text) ?? text;
  return {
    names,
    statements: statements.map((item) => ({
      ...item,
      slots: Object.fromEntries(
        Object.entries(item.slots).map(([slot, text]) => [
          slot,
          slot === 'verb' ? text : text.split(', ').map(word).join(', '),
        ]),
      ),
    })),
  };
}

export const erdFamily: TaskFamily = {
  artifactType: 'erd',
  draw,
  parse,
  rename,
  render: (statements) => statements.map((item) => `${erdGrammar.render(item)}.`).join(' '),
  reword: (statements, source, probability) => erdGrammar.reword(statements, source, probability),
  reference: (statements) => renderErd(erdGraph(statements)),
  constructs: (statements) =>
    [...new Set(statements.map((item) => item.kind))].filter((kind) => !['entity', 'context'].includes(kind)).sort(),
  size(statements) {
    const graph = erdGraph(statements);
    return graph.entities.size + graph.relations.length;
  },
};
