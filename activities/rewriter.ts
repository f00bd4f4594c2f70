import { configHash } from '../config/hash.js';
import type { ProviderConfig } from '../config/provider.js';
import type { TextRewriter } from '../learning/augmentation/text-rewriter.js';
import { createTextRewriter, openProvider } from '../providers/index.js';
import { openRewriteLog } from './run-log.js';

/**
 * A language model that rewrites texts and remembers in a file what it has answered: a model does not answer twice alike,
 * but a step that was killed and is tried again must come to the same rows. An aborted signal ends the asking.
 *
 * @throws RatchetError `E_CONFIG_INVALID` for a provider that cannot be opened
 */
export function openRewriter(config: ProviderConfig, file: string, signal: AbortSignal): TextRewriter {
  const rewriter = createTextRewriter(openProvider(config), signal);
  const log = openRewriteLog(file);
  const answers = new Map(log.rows.map((row) => [row.question, row.answer]));
  const once = async (parts: unknown[], ask: () => Promise<string>): Promise<string> => {
    const question = configHash(parts);
    const known = answers.get(question);
    if (known !== undefined) return known;
    const answer = await ask();
    answers.set(question, answer);
    log.append({ question, answer });
    return answer;
  };
  return {
    paraphrase: (text, seed) => once(['paraphrase', text, seed], () => rewriter.paraphrase(text, seed)),
    translate: (text, from, to, seed) =>
      once(['translate', text, from, to, seed], () => rewriter.translate(text, from, to, seed)),
  };
}
