import type { ArtifactType } from '../../config/domain.js';
import type { Stream } from '../../config/random.js';
import type { Statement } from './grammar.js';

/** `easy`: what the base model is trained on (half the lexicon, plain constructs). `target`: what its users ask for. */
export type Distribution = 'easy' | 'target';

/**
 * One artifact type of the task family: a closed specification language and the canonical artifact of each text.
 * A specification is a list of statements; its hidden graph is a function of them, so a validator needs no reference.
 */
export interface TaskFamily {
  artifactType: ArtifactType;
  /** Draws a specification. */
  draw(source: Stream, distribution: Distribution): Statement[];
  /** The specification's text. */
  render(statements: readonly Statement[]): string;
  /** The statements of a text; null when it is not in the closed language. */
  parse(text: string): Statement[] | null;
  /** Gives statements other wordings of the same meaning, each with the probability. */
  reword(statements: readonly Statement[], source: Stream, probability: number): Statement[];
  /** The canonical artifact. */
  reference(statements: readonly Statement[]): string;
  /** Names of the constructs used, sorted, each once. */
  constructs(statements: readonly Statement[]): string[];
  /** Entities and relations, edges, pipeline steps, or clauses. */
  size(statements: readonly Statement[]): number;
  /** Another consistent choice of names and numbers of the same types: the same task about something else. */
  rename(statements: readonly Statement[], source: Stream): { statements: Statement[]; names: Map<string, string> };
}

/** Constructs that occur seldom; two of them add .25 to the raw difficulty. */
export const RARE_CONSTRUCTS: ReadonlySet<string> = new Set([
  'manyToMany', 'weak', 'self', 'replica', 'highAvailability', 'internet', 'event', 'unique', 'skip', 'guard', 'sortDescending',
  'missing', 'having',
]); // prettier-ignore

/** Constructs of the frozen edge-case slice. */
export const EDGE_CONSTRUCTS: ReadonlySet<string> = new Set([
  'weak', 'self', 'replica', 'internet', 'unique', 'skip', 'guard', 'missing', 'having',
]); // prettier-ignore

/** Share of statements of the target distribution that are worded unusually, and of specifications with a context sentence. */
export const REWORDING_RATE = 0.05;
export const CONTEXT_RATE = 0.04;
