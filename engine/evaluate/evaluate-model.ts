import { RatchetError } from '../../config/errors.js';
import type { CausalRow, EvaluateSpec, Evaluation, Latency, TrainingRow } from '../api.js';
import { loadChatTemplate } from '../chat/load-chat-template.js';
import { CompiledModel, type CompiledModelOptions } from '../generate/compiled-model.js';
import { Decoder } from '../generate/decoder.js';
import { loadEndIds } from '../generate/end-ids.js';
import { generateTokens } from '../generate/generate-tokens.js';
import { loadAdaptedModel, type AdaptedModel } from '../generate/load-adapted-model.js';
import type { ClassifierConfig, DecoderConfig, EncoderDecoderConfig } from '../nn/config.js';
import { tokenizeRows, type Encoder } from '../train/encode-rows.js';
import { targetRows } from '../train/row-source.js';
import { labelsOf, readCausalRows, readTrainingRows, type TokenRow } from '../train/training-rows.js';
import { classifyTexts } from './classify-texts.js';
import { measureLatency } from './measure-latency.js';
import { scoreTexts, type ScoredText } from './score-texts.js';

export interface EvaluateHooks {
  onProgress?(done: number, total: number): void;
  /** Aborting rejects with the signal's reason before the next batch. */
  signal?: AbortSignal;
}

const DEFAULT_BATCH = 16;
const DEFAULT_MAX_LENGTH = 512;
const DEFAULT_TIMED_TOKENS = 16;

/** What the kinds of models have in common here. */
interface Prepared<Item> {
  items: Item[];
  length(item: Item): number;
  /** Scores a batch of items, in its order. */
  evaluate(batch: readonly Item[], places: readonly number[]): Promise<void>;
  /** One prediction as a user would ask for it; the tokens it generated. */
  predict(index: number): Promise<number>;
  result(): Omit<Evaluation, 'rows' | 'milliseconds' | 'peakMemoryBytes' | 'latency'>;
}

/**
 * Measures a model on the rows of a file, one batch at a time. Language models: negative log likelihood and perplexity of the
 * completions, given their prompts. Classifiers: the completion is the name or number of the row's class.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`, `E_USAGE` for an option out of range, `E_DATA_INVALID` for a
 *   row that cannot be scored, `E_NUMERIC` where the model's scores are not finite
 */
export async function evaluateModel(
  spec: EvaluateSpec,
  hooks: EvaluateHooks = {},
  runtime: CompiledModelOptions = {},
): Promise<Evaluation> {
  checkSpec(spec);
  const started = performance.now();
  const adapted = await loadAdaptedModel(spec.modelDir, spec.adapterDir);
  const { config } = adapted;
  const read = config.kind === 'decoder' ? readCausalRows : readTrainingRows;
  const rows = await read(spec.dataFile);
  const model = new CompiledModel(config, adapted.weights, runtime);
  // A decoder holds copies of large weights: only for predictions that are to be timed.
  const decoder =
    config.kind === 'classifier' || !spec.timedPredictions ? null : new Decoder(config, adapted.weights, runtime);
  try {
    const measured =
      config.kind === 'classifier'
        ? await measure(prepareClassification(spec, { ...adapted, config }, model, rows as TrainingRow[]), spec, hooks)
        : await measure(await prepareTexts(spec, { ...adapted, config }, model, decoder, rows), spec, hooks);
    return {
      rows: rows.length,
      ...measured,
      // Kibibytes, the most that the process held since it started.
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      milliseconds: performance.now() - started,
    };
  } finally {
    await Promise.all([model.release(), decoder?.release()]);
  }
}

async function measure<Item>(prepared: Prepared<Item>, spec: EvaluateSpec, hooks: EvaluateHooks) {
  const { items } = prepared;
  const size = spec.batchSize ?? DEFAULT_BATCH;
  const order = [...items.keys()].sort((a, b) => prepared.length(items[a]!) - prepared.length(items[b]!) || a - b);
  for (let start = 0; start < order.length; start += size) {
    hooks.signal?.throwIfAborted();
    const places = order.slice(start, start + size);
    await prepared.evaluate(
      places.map((place) => items[place]!),
      places,
    );
    hooks.onProgress?.(start + places.length, order.length);
  }
  let latency: Latency | null = null;
  if (spec.timedPredictions !== undefined && spec.timedPredictions > 0) {
    const predict = async (index: number) => {
      hooks.signal?.throwIfAborted();
      return prepared.predict(index % items.length);
    };
    latency = await measureLatency(predict, spec.timedPredictions);
  }
  return { ...prepared.result(), latency };
}

const invalid = (message: string, hint: string) => new RatchetError('E_DATA_INVALID', message, { hint });

const notFinite = (id: string) =>
  new RatchetError('E_NUMERIC', `The model's scores for row "${id}" are not finite.`, {
    hint: 'The weights are damaged or training diverged: go back to an earlier version of the model.',
  });

async function prepareTexts(
  spec: EvaluateSpec,
  { config, tokenizer }: AdaptedModel & { config: DecoderConfig | EncoderDecoderConfig },
  model: CompiledModel,
  decoder: Decoder | null,
  rows: readonly CausalRow[],
): Promise<Prepared<ScoredText & { id: string }>> {
  const template = await loadChatTemplate(spec.modelDir);
  const endIds = decoder ? await loadEndIds(spec.modelDir, config, tokenizer) : [];
  const encoder: Encoder = { tokenizer, config, template, maxLength: spec.maxLength ?? DEFAULT_MAX_LENGTH };
  const { items, truncated } =
    config.kind === 'decoder' ? scoredTexts(rows, encoder) : scoredTargets(rows as TrainingRow[], encoder, config);
  if (items.length === 0) throw invalid(`${spec.dataFile}: no row has a token to score.`, 'Give the rows answers.');
  const sum = { logProbability: 0, correct: 0, tokens: 0 };
  return {
    items,
    length: (item) => item.inputIds.length,
    async evaluate(batch) {
      const scores = await scoreTexts(model, config, batch);
      scores.forEach(({ logProbability, correct }, i) => {
        if (!Number.isFinite(logProbability)) throw notFinite(batch[i]!.id);
        sum.logProbability += logProbability;
        sum.correct += correct;
        sum.tokens += batch[i]!.targets.length;
      });
    },
    async predict(index) {
      const item = items[index]!;
      // A row without a prompt is continued from its first token.
      const prompt = config.kind === 'decoder' ? item.inputIds.slice(0, item.first + 1) : item.inputIds;
      const [generation] = await generateTokens(decoder!, [prompt], {
        maxNewTokens: spec.maxNewTokens ?? DEFAULT_TIMED_TOKENS,
        temperature: 0,
        endIds,
        seed: 1,
        batchSize: 1,
      });
      return generation!.tokens.length;
    },
    result: () => ({
      truncatedRows: truncated,
      tokens: sum.tokens,
      loss: -sum.logProbability / sum.tokens,
      perplexity: Math.exp(-sum.logProbability / sum.tokens),
      accuracy: sum.correct / sum.tokens,
      classes: null,
    }),
  };
}

/** A text to score, and the row it is of. */
interface Scored {
  items: (ScoredText & { id: string })[];
  /** Rows that were cut. */
  truncated: number;
}

function scoredTexts(rows: readonly CausalRow[], encoder: Encoder): Scored {
  const encoded = tokenizeRows(rows, encoder);
  return { items: encoded.rows.flatMap(scoredParts), truncated: encoded.truncated };
}

function scoredTargets(rows: readonly TrainingRow[], encoder: Encoder, { startId }: EncoderDecoderConfig): Scored {
  const encoded = targetRows(rows, encoder);
  const items = encoded.rows.map(({ id, tokens: inputIds, target: targets }) => {
    if (inputIds.length === 0) throw invalid(`Row "${id}": its prompt is empty.`, 'Give it a prompt.');
    return { id, inputIds, decoderIds: [startId, ...targets.slice(0, -1)], first: 0, targets };
  });
  return { items, truncated: encoded.truncated };
}

/** What of a row is scored: one text for each run of labels, such as the answers of a conversation. */
function scoredParts(row: TokenRow): (ScoredText & { id: string })[] {
  const labels = labelsOf(row);
  const parts: (ScoredText & { id: string })[] = [];
  for (let start = 1; start < labels.length; start++) {
    if (labels[start]! < 0) continue;
    let end = start;
    while (end < labels.length && labels[end]! >= 0) end++;
    parts.push({
      id: row.id,
      inputIds: row.tokens.slice(0, end),
      first: start - 1,
      targets: row.tokens.slice(start, end),
    });
    start = end;
  }
  return parts;
}

function prepareClassification(
  spec: EvaluateSpec,
  { config, tokenizer }: AdaptedModel & { config: ClassifierConfig },
  model: CompiledModel,
  rows: readonly TrainingRow[],
): Prepared<{ ids: number[]; label: number }> {
  const limit = Math.min(spec.maxLength ?? DEFAULT_MAX_LENGTH, config.maxPositions);
  let truncated = 0;
  const items = rows.map(({ id, prompt, completion }) => {
    const label = labelOf(config, completion);
    if (label === undefined)
      throw invalid(
        `Row "${id}": ${JSON.stringify(completion)} is no class of the model.`,
        `Its classes are ${config.labels.join(', ')}.`,
      );
    const ids = tokenizer.encode(prompt, { addSpecialTokens: true });
    if (ids.length === 0) throw invalid(`Row "${id}": its prompt has no tokens.`, 'Give it a text.');
    if (ids.length > limit) {
      truncated++;
      // The last token stays: it is the one that ends the text.
      ids.splice(limit - 1, ids.length - limit);
    }
    return { ids, label };
  });
  const predictions: { label: number; probabilities: number[] }[] = [];
  const losses: number[] = [];
  return {
    items,
    length: ({ ids }) => ids.length,
    async evaluate(batch, places) {
      const results = await classifyTexts(
        model,
        config,
        batch.map(({ ids }) => ids),
      );
      results.forEach((logits, i) => {
        const place = places[i]!;
        const { label } = items[place]!;
        const largest = Math.max(...logits);
        if (!logits.every(Number.isFinite)) throw notFinite(rows[place]!.id);
        const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
        predictions[place] = { label, probabilities: logits.map((logit) => Math.exp(logit - largest) / sum) };
        losses[place] = largest + Math.log(sum) - logits[label]!;
      });
    },
    async predict(index) {
      await classifyTexts(model, config, [items[index]!.ids]);
      return 0;
    },
    result: () => {
      const right = predictions.filter(
        ({ label, probabilities }) => probabilities.indexOf(Math.max(...probabilities)) === label,
      );
      return {
        truncatedRows: truncated,
        tokens: null,
        loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
        perplexity: null,
        accuracy: right.length / predictions.length,
        classes: { names: config.labels, predictions },
      };
    },
  };
}

/** The class that a row names, by its name or its number. */
function labelOf({ labels }: ClassifierConfig, text: string): number | undefined {
  const byName = labels.indexOf(text);
  if (byName >= 0) return byName;
  return /^\d+$/.test(text) && Number(text) < labels.length ? Number(text) : undefined;
}

function checkSpec(spec: EvaluateSpec): void {
  for (const field of ['batchSize', 'maxLength', 'maxNewTokens', 'timedPredictions'] as const) {
    const value = spec[field];
    const least = field === 'timedPredictions' ? 0 : 1;
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
      throw new RatchetError('E_USAGE', `${field} is ${value}.`, { hint: `It should be an integer ≥ ${least}.` });
  }
}
