import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import { CompileCache, trace, type CompileOptions, type InputSpec, type tf } from '../trace/index.js';

/** Compiled graphs kept at once: a few capacities times the batch sizes that a shrinking batch goes through. */
const KEPT_GRAPHS = 32;

/** A model with fewer parameters runs on one thread: waking the others costs more than they save. */
const SINGLE_THREAD_BELOW = 4_000_000;
const SMALL_MODEL: CompileOptions = { memoryArena: true, threads: 1 };

export type Tensors = Record<string, tf.Tensor>;
export type Feeds = Record<string, HostTensor>;

export interface CompiledModelOptions extends CompileOptions {
  /**
   * Keeps the graphs of small models for later models of the same shape: compiling takes as long as hundreds of their
   * tokens. Graphs hold memory, so those of large models are not kept.
   */
  graphs?: CompileCache | undefined;
}

/** A cache to keep graphs of small models in, see {@link CompiledModelOptions}. */
export const createSharedGraphs = (): CompileCache => new CompileCache(KEPT_GRAPHS, SMALL_MODEL);

/** Functions of a model's weights and some inputs, each compiled once per shape. */
export class CompiledModel {
  private readonly compiled: CompileCache;
  private readonly shared: boolean;
  /** What tells this model's graphs from those of other shapes. */
  private readonly shape: string;
  private readonly weights: Feeds;

  /** @param weights every parameter by name, with any adapter merged in; shared, not copied */
  constructor(
    config: ModelConfig,
    weights: ReadonlyMap<string, HostTensor>,
    { graphs, ...options }: CompiledModelOptions = {},
  ) {
    let size = 0;
    const types = new Set<string>();
    for (const { data, dtype } of weights.values()) {
      size += data.length;
      types.add(dtype);
    }
    const small = size < SINGLE_THREAD_BELOW;
    this.shared = small && graphs !== undefined;
    const own = { ...(small ? SMALL_MODEL : { memoryArena: true }), ...options };
    this.compiled = this.shared ? graphs! : new CompileCache(KEPT_GRAPHS, own);
    this.shape = `${[...types].sort().join()} ${JSON.stringify(config)}`;
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
    const executable = await this.compiled.get(`${key} ${this.shape}`, () =>
      trace(feeds as Record<string, InputSpec>, (tensors) => {
        const params: Tensors = {};
        for (const name of Object.keys(this.weights)) params[name.slice('weight.'.length)] = tensors[name]!;
        return program(params, tensors);
      }),
    );
    return executable.run(feeds);
  }

  async release(): Promise<void> {
    if (!this.shared) await this.compiled.clear();
  }
}

/** An int32 input. */
export const integers = (shape: number[], data: Int32Array): HostTensor => ({ dtype: 'int32', shape, data });
