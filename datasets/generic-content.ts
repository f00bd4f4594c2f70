import type { ArtifactType } from '../config/domain.js';
import type { Stream } from '../config/random.js';
import { SQL_KEYWORDS } from './sql/syntax.js';
import { familyOf, referenceFor } from './tasks/families.js';
import { ATTRIBUTES } from './tasks/lexicon.js';

/** Artifacts that fit every request and answer none: what a model writes when it does not know. */
const BOILERPLATE: Readonly<Record<ArtifactType, readonly string[]>> = {
  erd: [
    'user has name, email. role has name. each user has many role.',
    'item has name, status. category has title. each category contains many item.',
    'account has email, active. session has created. each account has many session.',
    'entity has name, created, updated. tag has name. each entity has many tag.',
    'record has title, note. owner has name. each owner owns many record.',
  ].map((text) => referenceFor('erd', text.replaceAll(/(^|\. )(?!each)(?=\w)/g, '$1a '))),
  architecture: [
    ['client --> server', 'server --> database'],
    ['frontend --> backend', 'backend --> backend_db'],
    ['user --> app', 'app --> service', 'service --> service_db'],
    ['browser --> gateway', 'gateway --> service', 'service --> storage'],
    ['ui --> core', 'core --> core_cache', 'core_cache --> core_db'],
  ].map((edges) => ['flowchart', ...edges].join('\n')),
  code_prototype: [
    'return xs',
    'return xs.map(x => x)',
    'return xs.filter(x => true)',
    'return []',
    'return xs.slice(0, 10)',
  ],
  sql_query: [
    'SELECT * FROM items',
    'SELECT id, name FROM users',
    'SELECT COUNT(*) FROM records',
    'SELECT * FROM data LIMIT 10',
    'SELECT id, value FROM entries ORDER BY id',
  ],
};

/** A generic artifact for planting: one of a few texts, sometimes with another attribute or step, never about the request. */
export function boilerplate(artifactType: ArtifactType, source: Stream): string {
  const text = source.pick(BOILERPLATE[artifactType]);
  if (artifactType === 'erd' && source.float() < 0.5)
    return text.replace('int id PK\n', `int id PK\nstring ${source.pick(ATTRIBUTES)}\n`);
  return text;
}

/** Words of the artifact languages: they ground nothing. */
const LANGUAGE: ReadonlySet<string> = new Set([
  'erDiagram', 'flowchart', 'string', 'int', 'decimal', 'date', 'datetime', 'bool', 'id', 'PK', 'FK', 'o',
  'TD', 'TB', 'LR', 'RL', 'BT',
]); // prettier-ignore

/** The identifiers of an artifact, each once: words of a diagram, steps of a program, names and numbers of a query. */
function identifiersOf(artifactType: ArtifactType, output: string): Set<string> {
  if (artifactType === 'code_prototype') {
    const steps = output.replaceAll(/\s+/g, '').split(/(?=\.(?!abs|min|max|trunc)[a-z]|\?\?)/i);
    return new Set(steps.slice(1).filter((step) => step !== ''));
  }
  const words = output.match(/[A-Za-z]+|\d+/g) ?? [];
  const isLanguage = (word: string) =>
    artifactType === 'sql_query' ? SQL_KEYWORDS.has(word.toUpperCase()) : LANGUAGE.has(word);
  return new Set(words.filter((word) => !isLanguage(word)));
}

/** Identifiers of the artifact a request asks for; of a text outside the closed language its words, null for code. */
function wantedIdentifiers(artifactType: ArtifactType, specification: string): Set<string> | null {
  const family = familyOf(artifactType);
  const statements = family.parse(specification);
  if (statements !== null) return identifiersOf(artifactType, family.reference(statements));
  return artifactType === 'code_prototype' ? null : identifiersOf(artifactType, specification);
}

/**
 * Share of an answer's identifiers that the request gives reason for, 0–1: words it holds or implies (`_db`, `lb`,
 * `reports`), and for code the steps it asks for. An answer without identifiers has 0, unless the request wants none.
 * Of a specification outside the closed language only its words count; code has nothing to be compared with then and
 * counts as grounded.
 */
export function groundedness(artifactType: ArtifactType, specification: string, output: string): number {
  const found = identifiersOf(artifactType, output);
  const grounded = wantedIdentifiers(artifactType, specification);
  if (grounded === null) return output.trim() === '' ? 0 : 1;
  if (artifactType !== 'code_prototype') for (const word of specification.match(/[A-Za-z]+/g) ?? []) grounded.add(word);
  if (found.size === 0) return grounded.size === 0 && output.trim() !== '' ? 1 : 0;
  return [...found].filter((word) => grounded.has(word)).length / found.size;
}

/** Least share of grounded identifiers of an answer that is about its request. */
const LEAST_GROUNDED = 0.5;

/**
 * Whether an answer is generic (requirements §3): less than half of its identifiers are grounded in the request, or it
 * is nearer to a boilerplate text than to its own request's artifact (Jaccard similarity of identifiers).
 */
export function isGeneric(
  artifactType: ArtifactType,
  specification: string,
  output: string,
  leastGrounded: number = LEAST_GROUNDED,
): { generic: boolean; groundedness: number; reason: string } {
  const share = groundedness(artifactType, specification, output);
  if (output.trim() === '') return { generic: true, groundedness: 0, reason: 'the answer is empty' };
  if (share < leastGrounded) {
    return {
      generic: true,
      groundedness: share,
      reason: `only ${Math.round(100 * share)} % of its identifiers come from the request`,
    };
  }
  const found = identifiersOf(artifactType, output);
  const wanted = wantedIdentifiers(artifactType, specification);
  if (wanted === null) return { generic: false, groundedness: share, reason: '' };
  const own = jaccard(found, wanted);
  const nearest = Math.max(
    ...BOILERPLATE[artifactType].map((text) => jaccard(found, identifiersOf(artifactType, text))),
  );
  if (nearest > own)
    return { generic: true, groundedness: share, reason: 'it is nearer to boilerplate than to its request' };
  return { generic: false, groundedness: share, reason: '' };
}

function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 && b.size === 0) return 1;
  const common = [...a].filter((item) => b.has(item)).length;
  return common / (a.size + b.size - common);
}
