import { BASE_TYPES, type ArtifactType } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { architectureGrammar, renderArchitecture } from './architecture.js';
import { codeFamily, codeGrammar } from './code-prototype.js';
import { CARDINALITIES, erdGrammar } from './erd.js';
import { familyOf } from './families.js';
import { statement, type Grammar } from './grammar.js';
import { ATTRIBUTE_TYPES, ATTRIBUTES, CLIENTS, ENTITIES, NUMBERS, SERVICES, VERBS } from './lexicon.js';
import { formatPrompt, preTokenize } from './prompt.js';
import { COLUMNS, SQL_AGGREGATES, SQL_FILTERS, sqlGrammar, TABLES } from './sql-query.js';

const SAMPLES = 2_000;
const cached = new Map<string, readonly string[]>();

/**
 * Every pre-token that prompts, artifacts and copying tasks of the types consist of, sorted by code unit: each sentence
 * with each word in each slot, each artifact line with each name, each pair of pipeline steps, each clause of a query,
 * and a sample of whole tasks. The base tokenizer has one token for each of the base types'.
 */
export function lexiconPreTokens(types: readonly ArtifactType[] = BASE_TYPES): readonly string[] {
  const key = types.join();
  const earlier = cached.get(key);
  if (earlier !== undefined) return earlier;
  const found = new Set<string>();
  for (const text of [
    'copy:\n',
    ...types.flatMap((type) => [...sentences(type), ...PARTS[type]()]),
    ...samples(types),
  ]) {
    for (const token of preTokenize(text)) found.add(token);
  }
  const tokens = [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  cached.set(key, tokens);
  return tokens;
}

/** The lines, programs and clauses that artifacts of a type consist of. */
const PARTS: Readonly<Record<ArtifactType, () => Iterable<string>>> = {
  erd: erdLines,
  code_prototype: programs,
  architecture: architectureLines,
  sql_query: queries,
};

const SERVICE_NAMES = ['api', ...SERVICES];

/** Each type's sentences, and the words that a slot of one may hold. */
const LANGUAGES: Readonly<Record<ArtifactType, { grammar: Grammar; slots: Record<string, readonly string[]> }>> = {
  erd: {
    grammar: erdGrammar,
    slots: {
      entity: ENTITIES,
      entity2: ENTITIES,
      from: ENTITIES,
      to: ENTITIES,
      verb: VERBS,
      list: [...ATTRIBUTES, ATTRIBUTES.join(', ')],
    },
  },
  architecture: {
    grammar: architectureGrammar,
    slots: { client: CLIENTS, service: SERVICE_NAMES, from: SERVICE_NAMES, to: SERVICE_NAMES },
  },
  code_prototype: { grammar: codeGrammar, slots: { k: NUMBERS } },
  sql_query: {
    grammar: sqlGrammar,
    slots: { table: TABLES, column: COLUMNS, list: [...COLUMNS, COLUMNS.join(', ')], k: NUMBERS },
  },
};

function* sentences(artifactType: ArtifactType): Iterable<string> {
  const { grammar, slots } = LANGUAGES[artifactType];
  const first = Object.fromEntries(Object.entries(slots).map(([slot, words]) => [slot, words[0]!]));
  for (const kind of grammar.kinds()) {
    for (let wording = 0; wording < grammar.wordingCount(kind); wording++) {
      for (const [slot, words] of Object.entries(slots)) {
        for (const word of words) {
          const text = `${grammar.render({ kind, slots: { ...first, [slot]: word }, wording })}.`;
          yield formatPrompt(artifactType, text);
          yield formatPrompt(artifactType, `${text} ${text}`);
        }
      }
    }
  }
}

function* erdLines(): Iterable<string> {
  for (const entity of ENTITIES) {
    yield `erDiagram\n${entity} {\nint id PK\nint ${entity}_id FK\n}\n${entity}_${entity} {`;
    yield `${entity} |o--o{ ${entity} : reports\n${entity} ||--|{ ${entity}_${entity} : contains`;
    for (const cardinality of Object.values(CARDINALITIES)) yield `\n${entity} ${cardinality} ${entity} : ${VERBS[0]}`;
  }
  for (const verb of VERBS) yield `customer ||--o{ order : ${verb}`;
  for (const [name, type] of Object.entries(ATTRIBUTE_TYPES)) yield `\n${type} ${name}\n`;
}

function* architectureLines(): Iterable<string> {
  const nodes = [...CLIENTS, 'waf', 'lb', 'api', ...SERVICES];
  for (const node of nodes) {
    yield renderArchitecture([[node, node]]);
    for (const part of ['db', 'cache', 'queue', 'replica'])
      yield renderArchitecture([[`${node}_${part}`, `${node}_${part}`]]);
  }
}

/** Every pair of steps, so that every run of punctuation between two steps occurs. */
function* programs(): Iterable<string> {
  const kinds = codeGrammar.kinds().filter((kind) => kind !== 'context');
  for (const first of kinds) {
    for (const second of kinds) {
      for (const k of NUMBERS) yield codeFamily.reference([statement(first, { k }), statement(second, { k })]);
    }
    yield codeFamily.reference([statement(first, { k: '2' }), statement('guard')]);
  }
  const guard = [statement('even'), statement('biggest'), statement('guard')];
  yield formatPrompt('code_prototype', codeFamily.render(guard));
  yield codeFamily.reference(guard);
}

/** Each clause with each name and number in it. */
function* queries(): Iterable<string> {
  for (const table of TABLES) yield `SELECT COUNT(*) FROM ${table} WHERE`;
  for (const column of COLUMNS) {
    for (const name of Object.values(SQL_AGGREGATES)) yield `SELECT ${column}, ${name}(${column}) FROM`;
    for (const test of Object.values(SQL_FILTERS))
      yield ` WHERE ${test.replace('{column}', column).replace('{k}', '2')} AND ${column}`;
    yield `SELECT DISTINCT ${column}, ${column} FROM`;
    yield ` GROUP BY ${column} HAVING COUNT(*) > 2 ORDER BY ${column} DESC LIMIT 2 OFFSET 2`;
  }
  for (const k of NUMBERS) {
    for (const test of Object.values(SQL_FILTERS)) yield test.replace('{column}', 'age').replace('{k}', k);
  }
}

function* samples(types: readonly ArtifactType[]): Iterable<string> {
  const source = stream(0, 'lexicon');
  for (let index = 0; index < SAMPLES; index++) {
    const artifactType = source.pick(types);
    const family = familyOf(artifactType);
    const statements = family.draw(source, 'target');
    yield formatPrompt(artifactType, family.render(statements)) + family.reference(statements);
  }
}
