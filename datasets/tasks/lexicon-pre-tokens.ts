import { ARTIFACT_TYPES } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { architectureGrammar, renderArchitecture } from './architecture.js';
import { codeFamily, codeGrammar } from './code-prototype.js';
import { CARDINALITIES, erdGrammar } from './erd.js';
import { familyOf } from './families.js';
import { statement, type Grammar } from './grammar.js';
import { ATTRIBUTE_TYPES, ATTRIBUTES, CLIENTS, ENTITIES, NUMBERS, SERVICES, VERBS } from './lexicon.js';
import { formatPrompt, preTokenize } from './prompt.js';

const SAMPLES = 2_000;
let cached: readonly string[] | null = null;

/**
 * Every pre-token that prompts, artifacts and copying tasks consist of, sorted by code unit: each sentence with each
 * word in each slot, each artifact line with each name, each pair of pipeline steps, and a sample of whole tasks.
 * The base tokenizer has one token for each.
 */
export function lexiconPreTokens(): readonly string[] {
  if (cached !== null) return cached;
  const found = new Set<string>();
  for (const text of ['copy:\n', ...sentences(), ...erdLines(), ...architectureLines(), ...programs(), ...samples()]) {
    for (const token of preTokenize(text)) found.add(token);
  }
  cached = [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return cached;
}

/** Words that a slot of a sentence may hold. */
function wordsOf(slot: string): readonly string[] {
  if (slot === 'list') return [...ATTRIBUTES, ATTRIBUTES.join(', ')];
  if (slot === 'verb') return VERBS;
  if (slot === 'k') return NUMBERS;
  if (slot === 'client') return CLIENTS;
  return [...ENTITIES, 'api', ...SERVICES];
}

function* sentences(): Iterable<string> {
  const grammars: [Grammar, 'erd' | 'architecture' | 'code_prototype', string[]][] = [
    [erdGrammar, 'erd', ['entity', 'entity2', 'from', 'to', 'verb', 'list']],
    [architectureGrammar, 'architecture', ['client', 'service', 'from', 'to']],
    [codeGrammar, 'code_prototype', ['k']],
  ];
  for (const [grammar, artifactType, slots] of grammars) {
    for (const kind of grammar.kinds()) {
      for (let wording = 0; wording < grammar.wordingCount(kind); wording++) {
        for (const slot of slots) {
          for (const word of wordsOf(slot)) {
            if (artifactType === 'architecture' && (ENTITIES as readonly string[]).includes(word)) continue;
            if (artifactType === 'erd' && slot !== 'list' && [...SERVICES, 'api'].includes(word)) continue;
            const filled = Object.fromEntries(slots.map((name) => [name, name === slot ? word : wordsOf(name)[0]!]));
            const text = `${grammar.render({ kind, slots: { ...filled, [slot]: word }, wording })}.`;
            yield formatPrompt(artifactType, text);
            yield formatPrompt(artifactType, `${text} ${text}`);
          }
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

function* samples(): Iterable<string> {
  const source = stream(0, 'lexicon');
  for (let index = 0; index < SAMPLES; index++) {
    const artifactType = source.pick(ARTIFACT_TYPES);
    const family = familyOf(artifactType);
    const statements = family.draw(source, 'target');
    yield formatPrompt(artifactType, family.render(statements)) + family.reference(statements);
  }
}
