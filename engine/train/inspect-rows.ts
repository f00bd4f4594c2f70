import type { CausalRow } from '../api.js';
import type { ChatTemplate } from '../chat/chat-template.js';
import { loadChatTemplate } from '../chat/load-chat-template.js';
import type { ModelConfig } from '../nn/config.js';
import { readModelConfig, withLabels } from '../nn/new-head.js';
import type { ObjectiveSpec, PreferenceRow } from '../objectives/objective-spec.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { learnedTokens } from './encode-rows.js';
import { longestOf, objectiveOf, rowSource } from './row-source.js';

/** What a training will make of a row. */
export interface RowMeasure {
  /** Sequences: more than one for a long text, none where there is nothing to learn. */
  sequences: number;
  tokens: number;
  /** Tokens of the longest sequence: of a pair either answer's, of an encoder-decoder the source or the target. */
  longest: number;
  /** Tokens (or classes) that are scored. */
  learned: number;
  truncated: boolean;
}

export interface RowInspector {
  config: ModelConfig;
  objective: ObjectiveSpec;
  /** Writes conversations; null where the model has none. */
  template: ChatTemplate | null;
  /** @throws RatchetError `E_DATA_INVALID` for a row that a training would refuse; `E_MODEL_INVALID` */
  inspect(row: CausalRow | PreferenceRow): RowMeasure;
}

/**
 * Encodes rows as a training of this model would, without loading its weights: what a run will read is known, and what it
 * would refuse is found, before it starts.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`, `E_CONFIG_INVALID` when the model cannot have this objective
 */
export async function inspectRows(
  modelDir: string,
  options: {
    objective?: ObjectiveSpec;
    maxLength: number;
    /** Classes instead of the model's own. */ labels?: readonly string[] | null;
  },
): Promise<RowInspector> {
  const config = withLabels(await readModelConfig(modelDir), options.labels);
  const objective = options.objective ?? objectiveOf(config);
  const [tokenizer, template] = await Promise.all([loadTokenizer(modelDir), loadChatTemplate(modelDir)]);
  const source = rowSource(objective, { config, tokenizer, template, maxLength: options.maxLength });
  return {
    config,
    objective,
    template,
    inspect(row) {
      const { rows, truncated } = source.encode([row]);
      const measure: RowMeasure = {
        sequences: rows.length,
        tokens: 0,
        longest: 0,
        learned: 0,
        truncated: truncated > 0,
      };
      for (const encoded of rows) {
        const { rejected, target } = encoded;
        const sides = rejected ? [encoded, rejected] : [encoded];
        measure.tokens += sides.reduce((sum, { tokens }) => sum + tokens.length, target?.length ?? 0);
        measure.longest = Math.max(measure.longest, longestOf(encoded));
        measure.learned += target ? target.length : sides.reduce((sum, side) => sum + learnedTokens(side), 0);
      }
      return measure;
    },
  };
}
