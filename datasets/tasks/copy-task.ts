import { BASE_TYPES, type ArtifactType } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { stream, type Stream } from '../../config/random.js';
import { lexiconPreTokens } from './lexicon-pre-tokens.js';
import { preTokenize, PROMPT_SEPARATOR } from './prompt.js';

/** A request to repeat a text: teaches every token of the lexicon and the operation all tasks rest on. */
export interface CopyTask {
  prompt: string;
  completion: string;
}

/**
 * Draws a text of `length` pre-tokens of the types' whole lexicon, whose pre-tokens are exactly those drawn (and line
 * ends).
 */
export function generateCopyTask(
  source: Stream,
  length: number = 6 + source.integer(22),
  types: readonly ArtifactType[] = BASE_TYPES,
): CopyTask {
  const tokens = lexiconPreTokens(types).filter((token) => !token.includes('\n'));
  let text = '';
  let count = 0;
  for (let draws = 0; count < length; draws++) {
    if (draws > 100 * length) throw new RatchetError('E_INTERNAL', 'no text to copy could be drawn');
    const token = source.pick(tokens);
    const joined = [text + token, `${text}\n${token}`].find((candidate) => preTokenize(candidate).at(-1) === token);
    if (joined === undefined || (text === '' && joined !== token) || (text === '' && token.startsWith(' '))) continue;
    text = joined;
    count = preTokenize(text).length;
  }
  return { prompt: `copy:\n${text}${PROMPT_SEPARATOR}`, completion: text };
}

/** Draws copying tasks; the same request gives the same tasks. */
export function generateCopyTasks(request: {
  seed: number;
  purpose: string;
  count: number;
  artifactTypes?: readonly ArtifactType[];
}): CopyTask[] {
  const source = stream(request.seed, 'copy-tasks', request.purpose);
  return Array.from({ length: request.count }, () => generateCopyTask(source, undefined, request.artifactTypes));
}
