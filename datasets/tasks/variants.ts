import type { ArtifactType } from '../../config/domain.js';
import type { Stream } from '../../config/random.js';
import { parseArchitecture, renderArchitecture } from './architecture.js';
import { FILTERS } from './code-prototype.js';
import { contextStatement } from './context.js';
import { parseErd, renderErd } from './erd.js';
import { familyOf } from './families.js';

/**
 * Label-preserving operators on requests and answers. Each returns its argument when it finds nothing to change or the
 * text is outside the closed language. What they make is valid by construction, and the caller still proves it:
 * `validateArtifact(…) === 100`.
 */

/** The same request in other words: every sentence that has another wording gets it with probability 0.6. */
export function paraphrase(artifactType: ArtifactType, specification: string, source: Stream): string {
  const family = familyOf(artifactType);
  const statements = family.parse(specification);
  if (statements === null) return specification;
  return family.render(family.reword(statements, source, 0.6));
}

/** The same request with a sentence of context put in or taken out (R9: varied RAG context). */
export function contextVariation(artifactType: ArtifactType, specification: string, source: Stream): string {
  const family = familyOf(artifactType);
  const statements = family.parse(specification);
  if (statements === null) return specification;
  const plain = statements.filter((item) => item.kind !== 'context');
  const context = contextStatement(source);
  if (plain.length < statements.length && source.float() < 0.5) return family.render(plain);
  return family.render([...plain, context]);
}

/** The same answer in another order where order means nothing: entities, attributes, relations, edges, adjacent filters, conditions. */
export function permuteOutput(artifactType: ArtifactType, output: string, source: Stream): string {
  if (artifactType === 'erd') return permuteErd(output, source);
  if (artifactType === 'architecture') {
    const read = parseArchitecture(output);
    return read === null || read.bad > 0 ? output : renderArchitecture(source.shuffle(read.edges));
  }
  return artifactType === 'sql_query' ? permuteConditions(output, source) : permuteFilters(output, source);
}

function permuteErd(output: string, source: Stream): string {
  const read = parseErd(output);
  if (read === null || read.bad > 0) return output;
  const entities = source.shuffle([...read.graph.entities]).map(([name, attributes]): [string, typeof attributes] => {
    const [first, ...rest] = attributes;
    return [
      name,
      first === undefined ? [] : first.key === 'PK' ? [first, ...source.shuffle(rest)] : source.shuffle(attributes),
    ];
  });
  return renderErd({ entities: new Map(entities), relations: source.shuffle(read.graph.relations) });
}

const FILTER = new RegExp(
  `(?:${Object.values(FILTERS)
    .map(({ code }) => code.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\\{k\\}', '\\d+'))
    .join('|')})`,
  'g',
);

/** Filters that look at one number each commute, so runs of them may be reordered. */
function permuteFilters(output: string, source: Stream): string {
  return output.replaceAll(new RegExp(`${FILTER.source}{2,}`, 'g'), (run) =>
    source.shuffle(run.match(FILTER) ?? [run]).join(''),
  );
}

/** Conditions that all must hold may stand in any order; those with OR, NOT or parentheses are left as they are. */
function permuteConditions(output: string, source: Stream): string {
  return output.replace(/(?<= WHERE ).+?(?= GROUP BY | ORDER BY | LIMIT | OFFSET |;|$)/i, (run) =>
    /\b(?:OR|NOT)\b|[()]/i.test(run) ? run : source.shuffle(run.split(/ AND /i)).join(' AND '),
  );
}

/** A request and its correct answer. */
export interface RenamedTask {
  specification: string;
  output: string;
}

/**
 * The same task about something else: entities, attributes of one type, services, clients and numbers are exchanged
 * consistently for others of the lexicon. The output's order is kept for diagrams; code and queries are written anew. An output that
 * is not a well-formed diagram gives the new request's canonical answer.
 */
export function renameIdentifiers(
  artifactType: ArtifactType,
  specification: string,
  output: string,
  source: Stream,
): RenamedTask {
  const family = familyOf(artifactType);
  const parsed = family.parse(specification);
  if (parsed === null) return { specification, output };
  const { statements, names } = family.rename(parsed, source);
  const renamed = family.render(statements);
  const read =
    artifactType === 'erd' ? parseErd(output) : artifactType === 'architecture' ? parseArchitecture(output) : null;
  if (read === null || read.bad > 0) return { specification: renamed, output: family.reference(statements) };
  const [header, ...lines] = output.split('\n');
  const body = lines.map((line) => {
    // A relation's label is a verb of the request and keeps its word.
    const [subject, label] = line.split(' : ');
    const exchanged = subject!.replaceAll(/[A-Za-z]+/g, (word) => names.get(word) ?? word);
    return label === undefined ? exchanged : `${exchanged} : ${label}`;
  });
  return { specification: renamed, output: [header, ...body].join('\n') };
}
