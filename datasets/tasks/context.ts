import type { Stream } from '../../config/random.js';
import type { Statement } from './grammar.js';
import { CONTEXT_SENTENCES } from './lexicon.js';

/** A sentence that sets a context and asks for nothing. */
export function contextStatement(source: Stream): Statement {
  return { kind: 'context', slots: {}, wording: source.integer(CONTEXT_SENTENCES.length) };
}
