import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { forward, logits } from '../nn/model.js';
import { CompileCache, tf, trace, type CompileOptions, type InputSpec } from '../trace/index.js';
import { layerTensorNames, type KeyValueCache } from './key-value-cache.js';

/** What one run of the model tells the decoding loop. */
export interface DecoderOutput {
  /** Scores of the token after each row's last one, `[batch, vocabulary]`. */
  logits: Float32Array;
  /** Keys and values of the tokens of this run: `key.N`, `value.N`, `[batch, keyValueHeads, time, headSize]`. */
  fresh: Record<string, HostTensor>;
}

/** Compiled graphs kept at once: a few capacities times the batch sizes that a shrinking batch goes through. */
const KEPT_GRAPHS = 32;

/** A model with fewer parameters runs on one thread: waking the others costs more than they save. */
const SINGLE_THREAD_BELOW = 4_000_000;

/** A language model as two compiled functions: one reads prompts, one reads the token after them. */
export class Decoder {
  private readonly compiled: CompileCache;
  private readonly weights: Record<string, HostTensor>;

  /** @param weights every parameter by name, with any adapter merged in; shared, not copied */
  constructor(
    readonly config: ModelConfig,
    weights: ReadonlyMap<string, HostTensor>,
    options: CompileOptions = {},
  ) {
    let size = 0;
    for (const { data } of weights.values()) size += data.length;
    const threads = options.threads ?? (size < SINGLE_THREAD_BELOW ? 1 : undefined);
    this.compiled = new CompileCache(KEPT_GRAPHS, { memoryArena: true, ...options, ...(threads && { threads }) });
    this.weights = Object.fromEntries([...weights].map(([name, tensor]) => [`weight.${name}`, tensor]));
  }

  /**
   * Reads prompts padded on the right to the same length.
   *
   * @param ids `[batch, time]`, row by row
   * @param lengths tokens of each row, 1 … time
   */
  async readPrompts(ids: Int32Array, lengths: Int32Array): Promise<DecoderOutput> {
    const batch = lengths.length;
    const time = ids.length / batch;
    const positions = ids.map((_, index) => index % time);
    const last = lengths.map((length, row) => row * time + length - 1);
    return this.run(batch, time, ids, positions, last);
  }

  /**
   * Reads one more token of each row.
   *
   * @param ids `[batch]`
   */
  async readTokens(cache: KeyValueCache, ids: Int32Array): Promise<DecoderOutput> {
    const last = ids.map((_, row) => row);
    return this.run(cache.batch, 1, ids, Int32Array.from(cache.lengths), last, cache);
  }

  async release(): Promise<void> {
    await this.compiled.clear();
  }

  private async run(
    batch: number,
    time: number,
    ids: Int32Array,
    positions: Int32Array,
    last: Int32Array,
    past?: KeyValueCache,
  ): Promise<DecoderOutput> {
    const feeds: Record<string, HostTensor> = {
      ...this.weights,
      ...past?.tensors,
      ...(past && { 'past.mask': past.mask }),
      ids: { dtype: 'int32', shape: [batch, time], data: ids },
      positions: { dtype: 'int32', shape: [batch, time], data: positions },
      last: { dtype: 'int32', shape: [batch], data: last },
    };
    const key = `${batch}x${time}x${past?.capacity ?? 0}`;
    const executable = await this.compiled.get(key, () =>
      trace(feeds as Record<string, InputSpec>, this.program(batch * time)),
    );
    const { logits: scores, ...fresh } = await executable.run(feeds);
    return {
      logits: scores!.data as Float32Array,
      fresh: Object.fromEntries(Object.entries(fresh).map(([name, tensor]) => [name.slice('new.'.length), tensor])),
    };
  }

  private program(rows: number): (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor> {
    const { config } = this;
    return (tensors) => {
      const params: Record<string, tf.Tensor> = {};
      for (const name of Object.keys(this.weights)) params[name.slice('weight.'.length)] = tensors[name]!;
      const pastMask = tensors['past.mask'];
      const names = layerTensorNames(config);
      const { hidden, fresh } = forward(config, params, {
        inputIds: tensors['ids']!,
        positions: tensors['positions']!,
        ...(pastMask && {
          pastMask,
          past: names.map(([key, value]) => ({ key: tensors[key]!, value: tensors[value]! })),
        }),
      });
      const ends = tf.gather(tf.reshape(hidden, [rows, config.hiddenSize]), tensors['last'] as tf.Tensor1D);
      const outputs: Record<string, tf.Tensor> = { logits: logits(config, params, ends) };
      names.forEach(([key, value], layer) => {
        outputs[`new.${key}`] = fresh[layer]!.key;
        outputs[`new.${value}`] = fresh[layer]!.value;
      });
      return outputs;
    };
  }
}
