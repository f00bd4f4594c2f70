import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import type { DecoderConfig, EncoderDecoderConfig, ModelConfig } from '../nn/config.js';
import { crossAttentionKeys, decode, encode, forward, logits, type CacheLayer } from '../nn/model.js';
import { tf } from '../trace/index.js';
import { CompiledModel, integers, type CompiledModelOptions, type Feeds, type Tensors } from './compiled-model.js';
import { KeyValueCache, layerTensorNames } from './key-value-cache.js';
import { outputsFirst } from './outputs-first.js';

/** Shapes come in these steps, so that few graphs are compiled. */
const PROMPT_STEP = 16;
const CAPACITY_STEP = 32;
const SMALLEST_BATCH = 4;

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/**
 * The batch shape for this many rows: a power of two, from {@link SMALLEST_BATCH} on unless rows are to be decoded one by one.
 * Up from four, the bits of a row do not depend on the shape.
 */
export const batchBucket = (rows: number, batchSize: number): number =>
  Math.max(batchSize === 1 ? 1 : SMALLEST_BATCH, 2 ** Math.ceil(Math.log2(rows)));

/** Slots for one token more. */
export const grownCapacity = (capacity: number): number => capacity + CAPACITY_STEP;

/**
 * A language model as two compiled functions: one reads prompts, one reads the token after them. A causal model reads
 * prompt and continuation as one text; an encoder-decoder reads the prompt once, and its continuation begins with the
 * configuration's start token.
 */
export class Decoder {
  readonly config: DecoderConfig | EncoderDecoderConfig;
  private readonly model: CompiledModel;
  /** Weights that are held outputs first and read inputs first. */
  private readonly turned: readonly string[];

  /**
   * @param weights every parameter by name, with any adapter merged in; shared, not copied, but for {@link outputsFirst}
   * @throws RatchetError `E_MODEL_INVALID` for a classifier
   */
  constructor(config: ModelConfig, weights: ReadonlyMap<string, HostTensor>, options: CompiledModelOptions = {}) {
    if (config.kind === 'classifier')
      throw new RatchetError('E_MODEL_INVALID', `A ${config.architecture} classifier writes no text.`, {
        hint: 'Generate with a language model.',
      });
    this.config = config;
    const held = outputsFirst(config, weights);
    this.turned = held.turned;
    this.model = new CompiledModel(config, held.weights, options);
  }

  /** The longest prompt. */
  get maxPromptLength(): number {
    return this.config.kind === 'decoder' ? this.config.maxPositions - 1 : Infinity;
  }

  /** Most tokens that may follow a prompt of this length. */
  room(promptLength: number): number {
    return this.config.kind === 'decoder' ? this.config.maxPositions - promptLength : Infinity;
  }

  /** The ids before a continuation's first: the prompt, or the start token. */
  beginning(prompt: readonly number[]): readonly number[] {
    return this.config.kind === 'decoder' ? prompt : [this.config.startId];
  }

  /**
   * Reads prompts. The batch is padded to {@link batchBucket}: places beyond the prompts hold one token each that no one
   * looks at.
   *
   * @param batchSize rows that are to be decoded together
   * @returns the cache, and the scores of each prompt's first new token, `[batch, vocabulary]`
   */
  async readPrompts(
    prompts: readonly (readonly number[])[],
    batchSize: number,
  ): Promise<{ cache: KeyValueCache; logits: Float32Array }> {
    const batch = batchBucket(prompts.length, batchSize);
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    const time = roundUp(longest, PROMPT_STEP);
    const ids = new Int32Array(batch * time);
    prompts.forEach((prompt, place) => ids.set(prompt, place * time));
    const lengths = Int32Array.from({ length: batch }, (_, place) => prompts[place]?.length ?? 1);
    return this.config.kind === 'decoder'
      ? this.readTexts(this.config, ids, lengths, longest)
      : this.readSources(this.config, ids, lengths);
  }

  /**
   * Reads one more token of each row.
   *
   * @param ids `[batch]`
   * @param counts 1, or 0 for a row whose token is not kept
   * @returns scores of the token after it, `[batch, vocabulary]`
   */
  async readTokens(cache: KeyValueCache, ids: Int32Array, counts: ArrayLike<number>): Promise<Float32Array> {
    const { batch } = cache;
    const feeds: Feeds = {
      ...cache.tensors,
      ...cache.source,
      'past.mask': cache.mask,
      ids: integers([batch, 1], ids),
      positions: integers([batch, 1], Int32Array.from(cache.lengths)),
    };
    const sourceTime = cache.source['source.mask']?.shape[1] ?? 0;
    const { config } = this;
    const outputs = await this.run(`next ${batch}x${cache.capacity}x${sourceTime}`, feeds, (params, tensors) => {
      const { hidden, fresh } =
        config.kind === 'decoder'
          ? forward(config, params, {
              inputIds: tensors['ids']!,
              positions: tensors['positions']!,
              past: layersOf(config, tensors),
              pastMask: tensors['past.mask'],
            } as Parameters<typeof forward>[2])
          : decode(config, params, {
              decoderIds: tensors['ids']!,
              positions: tensors['positions']!,
              cross: layersOf(config, tensors, 'cross.'),
              sourceMask: tensors['source.mask']!,
              past: layersOf(config, tensors),
              pastMask: tensors['past.mask']!,
            });
      const rows = tf.reshape(hidden, [batch, config.hiddenSize]);
      return { logits: logits(config, params, rows, true), ...named(fresh, 'new.') };
    });
    cache.append(this.fresh(outputs), counts);
    return outputs['logits']!.data as Float32Array;
  }

  async release(): Promise<void> {
    await this.model.release();
  }

  private async readTexts(config: DecoderConfig, ids: Int32Array, lengths: Int32Array, longest: number) {
    const batch = lengths.length;
    const time = ids.length / batch;
    const feeds: Feeds = {
      ids: integers([batch, time], ids),
      // Padding may reach beyond the model's positions; what is there does not matter.
      positions: integers(
        [batch, time],
        ids.map((_, index) => Math.min(index % time, config.maxPositions - 1)),
      ),
      last: integers(
        [batch],
        lengths.map((length, row) => row * time + length - 1),
      ),
    };
    const outputs = await this.run(`prompts ${batch}x${time}`, feeds, (params, tensors) => {
      const { hidden, fresh } = forward(config, params, {
        inputIds: tensors['ids']!,
        positions: tensors['positions']!,
      });
      const rows = tf.reshape(hidden, [batch * time, config.hiddenSize]);
      const ends = tf.gather(rows, tensors['last'] as tf.Tensor1D);
      return { logits: logits(config, params, ends, true), ...named(fresh, 'new.') };
    });
    const cache = new KeyValueCache(config, batch, roundUp(longest + 1, CAPACITY_STEP));
    cache.append(this.fresh(outputs), lengths);
    return { cache, logits: outputs['logits']!.data as Float32Array };
  }

  private async readSources(config: EncoderDecoderConfig, ids: Int32Array, lengths: Int32Array) {
    const batch = lengths.length;
    const time = ids.length / batch;
    const mask = integers(
      [batch, time],
      ids.map((_, index) => (index % time < lengths[Math.floor(index / time)]! ? 1 : 0)),
    );
    const feeds: Feeds = {
      ids: integers([batch, time], ids),
      'source.mask': mask,
      start: integers([batch, 1], new Int32Array(batch).fill(config.startId)),
    };
    const outputs = await this.run(`prompts ${batch}x${time}`, feeds, (params, tensors) => {
      const sourceMask = tensors['source.mask']!;
      const { hidden: encoded } = encode(config, params, { inputIds: tensors['ids']!, keyMask: sourceMask });
      const cross = crossAttentionKeys(config, params, encoded);
      const { hidden, fresh } = decode(config, params, { decoderIds: tensors['start']!, cross, sourceMask });
      const rows = tf.reshape(hidden, [batch, config.hiddenSize]);
      return { logits: logits(config, params, rows, true), ...named(fresh, 'new.'), ...named(cross, 'cross.') };
    });
    const source = Object.fromEntries(Object.entries(outputs).filter(([name]) => name.startsWith('cross.')));
    const cache = new KeyValueCache(config, batch, CAPACITY_STEP, { ...source, 'source.mask': mask });
    cache.append(this.fresh(outputs), new Int32Array(batch).fill(1));
    return { cache, logits: outputs['logits']!.data as Float32Array };
  }

  private run(key: string, feeds: Feeds, program: (params: Tensors, inputs: Tensors) => Tensors): Promise<Feeds> {
    return this.model.run(key, feeds, (params, inputs) => {
      const inputsFirst = this.turned.map((name) => [name, tf.transpose(params[name]!)]);
      return program({ ...params, ...Object.fromEntries(inputsFirst) }, inputs);
    });
  }

  /** The new keys and values by the cache's names. */
  private fresh(outputs: Feeds): Feeds {
    return Object.fromEntries(
      layerTensorNames(this.config)
        .flat()
        .map((name) => [name, outputs[`new.${name}`]!]),
    );
  }
}

const layersOf = (config: ModelConfig, tensors: Tensors, prefix = ''): CacheLayer[] =>
  layerTensorNames(config).map(([key, value]) => ({
    key: tensors[prefix + key]!,
    value: tensors[prefix + value]!,
  }));

const named = (layers: readonly CacheLayer[], prefix: string): Tensors =>
  Object.fromEntries(
    layers.flatMap(({ key, value }, layer) => [
      [`${prefix}key.${layer}`, key],
      [`${prefix}value.${layer}`, value],
    ]),
  );
