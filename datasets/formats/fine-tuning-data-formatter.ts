import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import type { CommonsenseQuestion } from '../commonsense-qa.js';
import type { Tweet } from '../sentiment140.js';
import { unescapeHtml } from './unescape-html.js';

/** A row with the key that duplicates share: rows of one group never end up on both sides of a split. */
interface Grouped {
  group: string;
}

export interface ClassificationExample extends Grouped {
  id: string;
  text: string;
  /** 0 negative, 1 positive, 2 neutral. */
  label: number;
}

export interface AnswerExample extends Grouped {
  id: string;
  prompt: string;
  completion: string;
}

const CLASSES = { negative: 0, positive: 1, neutral: 2 } as const;

/** Turns samples of the two corpora into training rows and splits them (row D3). */
export class FineTuningDataFormatter {
  /** Tweets as texts with a class; character references resolved, everything else as written. */
  formatSentiment140(tweets: readonly Tweet[]): ClassificationExample[] {
    return tweets.map(({ id, line, text: written, label }) => {
      const text = unescapeHtml(written);
      return { id: `${id}-${line}`, text, label: CLASSES[label], group: text.trim() };
    });
  }

  /**
   * Questions as a prompt with all choices and the answer's label and text as completion.
   *
   * @throws RatchetError `E_DATA_INVALID` for a question without answer
   */
  formatCommonsenseQa(questions: readonly CommonsenseQuestion[]): AnswerExample[] {
    return questions.map(({ id, stem, labels, choices, answerKey, answerText }) => {
      if (answerKey === null) {
        throw new RatchetError('E_DATA_INVALID', `Question ${id} has no answer.`, {
          hint: 'Questions of the test split cannot be trained on; use the training or development file.',
        });
      }
      const listed = labels.map((label, index) => `${label}. ${choices[index]!}`).join('\n');
      return {
        id,
        prompt: `Question: ${stem}\n${listed}\nAnswer:`,
        completion: ` ${answerKey}. ${answerText!}`,
        group: stem.trim(),
      };
    });
  }

  /**
   * Splits rows at random but the same way for the same seed. The evaluation side gets ⌊evalRatio · n⌉ rows; fewer where
   * whole groups of duplicates, taken in the order drawn as long as they fit, do not add up to that.
   *
   * @throws RatchetError `E_USAGE` when `evalRatio` is not between 0 and 1
   */
  splitTrainEval<T extends Grouped>(
    formatted: readonly T[],
    { evalRatio = 0.2, seed = 1 }: { evalRatio?: number; seed?: number } = {},
  ): { train: T[]; eval: T[] } {
    if (!(evalRatio > 0 && evalRatio < 1)) {
      throw new RatchetError('E_USAGE', `evalRatio is ${evalRatio}.`, { hint: 'Choose a share between 0 and 1.' });
    }
    const groups = new Map<string, number>();
    for (const { group } of formatted) groups.set(group, (groups.get(group) ?? 0) + 1);
    const chosen = new Set<string>();
    let missing = Math.round(evalRatio * formatted.length);
    for (const [group, size] of stream(seed, 'split').shuffle([...groups])) {
      if (size > missing) continue;
      chosen.add(group);
      missing -= size;
    }
    return {
      train: formatted.filter(({ group }) => !chosen.has(group)),
      eval: formatted.filter(({ group }) => chosen.has(group)),
    };
  }
}
