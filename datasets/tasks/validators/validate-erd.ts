import { erdGraph, parseErd, type ErdGraph } from '../erd.js';
import type { Statement } from '../grammar.js';
import { differences, f1, syntaxShare, weightedScore, type Validation } from './parts.js';

/**
 * Scores a Mermaid entity-relationship diagram (requirements §3): 10 syntax + 20 entity F1 + 30 F1 of attributes with
 * type and key + 20 F1 of relation endpoints + 20 F1 of endpoints with cardinality. When neither the request nor the
 * answer has relations, the first three are renormalised to 100. Order does not matter; labels do not count.
 */
export function validateErd(statements: readonly Statement[], output: string): Validation {
  const wanted = erdGraph(statements);
  const read = parseErd(output);
  if (read === null) return { score: 0, reasons: ['the first line is not erDiagram'], parts: {} };
  const found = read.graph;
  const parts = {
    syntax: syntaxShare(read.bad, read.lines),
    entities: f1(found.entities.keys(), wanted.entities.keys()),
    attributes: f1(attributesOf(found), attributesOf(wanted)),
    endpoints: f1(endpointsOf(found), endpointsOf(wanted)),
    cardinalities: f1(cardinalitiesOf(found), cardinalitiesOf(wanted)),
  };
  const weights: Record<string, number> = { syntax: 10, entities: 20, attributes: 30 };
  if (wanted.relations.length + found.relations.length > 0)
    Object.assign(weights, { endpoints: 20, cardinalities: 20 });
  return {
    score: weightedScore(parts, weights),
    parts,
    reasons: [
      ...(read.bad > 0 ? [`${read.bad} of ${read.lines} lines are not valid`] : []),
      ...differences('entity', found.entities.keys(), wanted.entities.keys()),
      ...differences('attribute', attributesOf(found), attributesOf(wanted)),
      ...differences('relation', cardinalitiesOf(found), cardinalitiesOf(wanted)),
    ],
  };
}

function attributesOf(graph: ErdGraph): string[] {
  return [...graph.entities].flatMap(([entity, attributes]) =>
    attributes.map(({ type, name, key }) => `${entity}.${name} ${type}${key === '' ? '' : ` ${key}`}`),
  );
}

const endpointsOf = (graph: ErdGraph) => graph.relations.map(({ from, to }) => `${from} → ${to}`);
const cardinalitiesOf = (graph: ErdGraph) =>
  graph.relations.map(({ from, cardinality, to }) => `${from} ${cardinality} ${to}`);
