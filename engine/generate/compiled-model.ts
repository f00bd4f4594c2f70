import type { HostTensor } from '../api.js';
import { CompileCache, trace, type CompileOptions, type InputSpec, type tf } from '../trace/index.js';

/** Compiled graphs kept at once: a few capacities times the batch sizes that a shrinking batch goes through. */
const KEPT_GRAPHS = 32;

/** A model with fewer parameters runs on one thread: waking the others costs more than they save. */
const SINGLE_THREAD_BELOW = 4_000_000;

export type Tensors = Record<string, tf.Tensor>;
export type Feeds = Record<string, HostTensor>;

/** Functions of a model's weights and some inputs, each compiled once per shape. */
export class CompiledModel {
  private readonly compiled: CompileCache;
  private readonly weights: Feeds;

  /** @param weights every parameter by name, with any adapter merged in; shared, not copied */
  constructor(weights: ReadonlyMap<string, HostTensor>, options: CompileOptions = {}) {
    let size = 0;
    for (const { data } of weights.values()) size += data.length;
    const threads = options.threads ?? (size < SINGLE_THREAD_BELOW ? 1 : undefined);
    this.compiled = new CompileCache(KEPT_GRAPHS, { memoryArena: true, ...options, ...(threads && { threads }) });
    this.weights = Object.fromEntries([...weights].map(([name, tensor]) => [`weight.${name}`, tensor]));
  }

  /**
   * Runs a program on inputs.
   *
   * @param key names the program and the shapes of its inputs: the same key is the same graph
   * @param program maps parameters by name and inputs by name to results
   */
  async run(key: string, inputs: Feeds, program: (params: Tensors, inputs: Tensors) => Tensors): Promise<Feeds> {
    const feeds = { ...this.weights, ...inputs };
    const executable = await this.compiled.get(key, () =>
      trace(feeds as Record<string, InputSpec>, (tensors) => {
        const params: Tensors = {};
        for (const name of Object.keys(this.weights)) params[name.slice('weight.'.length)] = tensors[name]!;
        return program(params, tensors);
      }),
    );
    return executable.run(feeds);
  }

  async release(): Promise<void> {
    await this.compiled.clear();
  }
}

/** An int32 input. */
export const integers = (shape: number[], data: Int32Array): HostTensor => ({ dtype: 'int32', shape, data });
