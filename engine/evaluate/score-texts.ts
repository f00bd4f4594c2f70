import type { CompiledModel, Feeds } from '../generate/compiled-model.js';
import { integers } from '../generate/compiled-model.js';
import type { DecoderConfig, EncoderDecoderConfig } from '../nn/config.js';
import { forward, logits } from '../nn/model.js';
import { pickLogProbabilities, tf } from '../trace/index.js';

/** A text to score: what the model reads, and which of its states predict which token. */
export interface ScoredText {
  /** A causal model's whole text, or an encoder's source. */
  inputIds: readonly number[];
  /** An encoder-decoder's target moved right by its start token. */
  decoderIds?: readonly number[];
  /** Position among `decoderIds`, or else `inputIds`, that predicts the first target; the others follow. */
  first: number;
  /** At least one. */
  targets: readonly number[];
}

/** How one text was predicted. */
export interface TextScore {
  /** Sum of the natural-log probabilities of the targets. */
  logProbability: number;
  /** Targets that were the likeliest token. */
  correct: number;
}

/** Lengths are padded to multiples of this, so that few graphs are compiled. */
const TIME_STEP = 16;

/** Numbers of a chunk of logits: the language-model head sees a batch's positions in chunks, so that they never fill memory. */
const CHUNK_NUMBERS = 2 ** 22;

/** Rows padded on the right to one length, at most `limit`. */
function padded(rows: readonly (readonly number[])[], limit = Infinity) {
  const longest = Math.max(...rows.map((row) => row.length));
  const time = Math.min(limit, Math.ceil(longest / TIME_STEP) * TIME_STEP);
  const ids = new Int32Array(rows.length * time);
  const mask = new Int32Array(rows.length * time);
  rows.forEach((row, place) => {
    ids.set(row, place * time);
    mask.fill(1, place * time, place * time + row.length);
  });
  return { ids, mask, time };
}

/**
 * Log probabilities of the targets of a batch of texts. Logits exist for one chunk of positions at a time, and only for
 * positions that predict a target.
 */
export async function scoreTexts(
  model: CompiledModel,
  config: DecoderConfig | EncoderDecoderConfig,
  texts: readonly ScoredText[],
): Promise<TextScore[]> {
  const { hidden, time } = await hiddenStates(model, config, texts);
  const size = config.hiddenSize;
  const places = texts.flatMap((text, row) => text.targets.map((_, i) => row * time + text.first + i));
  const targets = texts.flatMap((text) => text.targets);
  const owners = texts.flatMap((text, row) => text.targets.map(() => row));
  const scores = texts.map((): TextScore => ({ logProbability: 0, correct: 0 }));
  const chunk = Math.max(TIME_STEP, Math.floor(CHUNK_NUMBERS / config.vocabularySize / TIME_STEP) * TIME_STEP);
  for (let start = 0; start < places.length; start += chunk) {
    const count = Math.min(chunk, places.length - start);
    const rows = Math.ceil(count / TIME_STEP) * TIME_STEP;
    const states = new Float32Array(rows * size);
    const wanted = new Int32Array(rows);
    for (let i = 0; i < count; i++) {
      const place = places[start + i]!;
      states.set(hidden.subarray(place * size, (place + 1) * size), i * size);
      wanted[i] = targets[start + i]!;
    }
    const feeds: Feeds = {
      states: { dtype: 'float32', shape: [rows, size], data: states },
      targets: integers([rows], wanted),
    };
    const results = await model.run(`head ${rows}`, feeds, (params, inputs) => {
      const scored = logits(config, params, inputs['states']!);
      return {
        logProbabilities: pickLogProbabilities(scored, inputs['targets']!),
        likeliest: tf.argMax(scored, 1),
      };
    });
    for (let i = 0; i < count; i++) {
      const score = scores[owners[start + i]!]!;
      score.logProbability += (results['logProbabilities']!.data as Float32Array)[i]!;
      if ((results['likeliest']!.data as Int32Array)[i] === wanted[i]) score.correct++;
    }
  }
  return scores;
}

/** The last hidden states `[batch · time, hidden]` of the stack that predicts. */
async function hiddenStates(
  model: CompiledModel,
  config: DecoderConfig | EncoderDecoderConfig,
  texts: readonly ScoredText[],
): Promise<{ hidden: Float32Array; time: number }> {
  const limit = config.kind === 'decoder' ? config.maxPositions : Infinity;
  const source = padded(
    texts.map((text) => text.inputIds),
    limit,
  );
  const shape = [texts.length, source.time];
  if (config.kind === 'decoder') {
    const feeds: Feeds = { ids: integers(shape, source.ids) };
    // Padding is on the right, where no token sees it: no mask is needed.
    const { hidden } = await model.run(`body ${shape.join('x')}`, feeds, (params, { ids }) => ({
      hidden: forward(config, params, { inputIds: ids! }).hidden,
    }));
    return { hidden: hidden!.data as Float32Array, time: source.time };
  }
  const target = padded(texts.map((text) => text.decoderIds ?? []));
  const feeds: Feeds = {
    ids: integers(shape, source.ids),
    mask: integers(shape, source.mask),
    decoderIds: integers([texts.length, target.time], target.ids),
  };
  const { hidden } = await model.run(
    `body ${shape.join('x')}x${target.time}`,
    feeds,
    (params, { ids, mask, decoderIds }) => ({
      hidden: forward(config, params, { inputIds: ids!, keyMask: mask!, decoderIds: decoderIds! }).hidden,
    }),
  );
  return { hidden: hidden!.data as Float32Array, time: target.time };
}
