import { architectureGraph, parseArchitecture, type Edge } from '../architecture.js';
import type { Statement } from '../grammar.js';
import { differences, f1, syntaxShare, weightedScore, type Validation } from './parts.js';

/**
 * Scores a Mermaid flowchart (requirements §3): 10 syntax + 25 node F1 + 30 edge F1 + 25 rules + 10 nothing extra.
 * The rules are those of the constructs the request implies (database, cache, queue, replica, guarded entry; each
 * counts by its edges, none while a forbidden edge is there), and three for every chart: acyclic, no client at a
 * database, every node reachable from the client.
 */
export function validateArchitecture(statements: readonly Statement[], output: string): Validation {
  const wanted = architectureGraph(statements);
  const read = parseArchitecture(output);
  if (read === null) return { score: 0, reasons: ['the first line is not flowchart'], parts: {} };
  const found = read.edges.map(text);
  const edges = wanted.edges.map(text);
  const reasons = read.bad > 0 ? [`${read.bad} of ${read.lines} lines are not valid`] : [];
  const rules = wanted.rules.map(({ name, needs, forbids }) => {
    const broken = forbids.some((edge) => found.includes(text(edge)));
    const share = broken ? 0 : needs.filter((edge) => found.includes(text(edge))).length / needs.length;
    if (share < 1) reasons.push(`rule ${name} is not met at ${needs[0]!.join(' --> ')}`);
    return share;
  });
  for (const [name, holds] of structureOf(read.edges, wanted.client)) {
    rules.push(holds ? 1 : 0);
    if (!holds) reasons.push(`rule ${name} is not met`);
  }
  const extra = found.filter((edge) => !edges.includes(edge)).length;
  const parts = {
    syntax: syntaxShare(read.bad, read.lines),
    nodes: f1(read.edges.flat(), wanted.edges.flat()),
    edges: f1(found, edges),
    rules: rules.reduce((sum, share) => sum + share, 0) / rules.length,
    nothingExtra: found.length === 0 ? 0 : 1 - extra / found.length,
  };
  return {
    score: weightedScore(parts, { syntax: 10, nodes: 25, edges: 30, rules: 25, nothingExtra: 10 }),
    parts,
    reasons: [...reasons, ...differences('edge', found, edges)],
  };
}

const text = (edge: Edge) => edge.join(' --> ');

/** The rules of every chart; none holds for a chart without edges. */
function structureOf(edges: readonly Edge[], client: string): [name: string, holds: boolean][] {
  const reached = new Set([client]);
  for (let size = 0; size < reached.size;) {
    size = reached.size;
    for (const [from, to] of edges) if (reached.has(from)) reached.add(to);
  }
  // Removes nodes nothing points to until none is left; what stays is a cycle.
  let left = [...edges];
  for (let size = -1; size !== left.length;) {
    size = left.length;
    left = left.filter(([from]) => left.some(([, to]) => to === from));
  }
  const some = edges.length > 0;
  return [
    ['acyclic', some && left.length === 0],
    ['no client at a database', some && !edges.some(([from, to]) => from === client && to.endsWith('_db'))],
    ['reachable', some && edges.flat().every((node) => reached.has(node))],
  ];
}
