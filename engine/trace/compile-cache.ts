import { runEagerly } from './eager.js';
import { Executable, type CompileOptions } from './executable.js';
import type { Graph } from './graph.js';
import type { tf } from './tfjs.js';
import { trace, type InputSpec } from './trace.js';

type Program = (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

export interface CacheOptions extends Omit<CompileOptions, 'memoryArena'> {
  /**
   * Keep freed memory for the next run, see {@link CompileOptions}. `sole`: of the first graph only, and until its program
   * comes in another shape: where shapes change, each graph would keep its own.
   */
  memoryArena?: boolean | 'sole';
}

/** Compiled graphs by shape bucket, least recently used first; the oldest is released when there is no room. */
export class CompileCache {
  private readonly entries = new Map<string, Promise<Executable>>();
  /** Key of the graph that keeps its memory because it is the sole one. */
  private sole: string | null = null;

  /** @param capacity compiled graphs that are kept, at least 1 */
  constructor(
    private readonly capacity = 8,
    private readonly options: CacheOptions = {},
  ) {}

  get size(): number {
    return this.entries.size;
  }

  /**
   * The executable of `key`; `make` records its graph when the key is new. A failed compilation is not kept.
   *
   * @param key the program and, after the last colon, the shapes of its inputs
   */
  async get(key: string, make: () => Graph): Promise<Executable> {
    const known = this.entries.get(key);
    if (known) {
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    const { memoryArena, ...options } = this.options;
    const isFirst = this.entries.size === 0;
    if (this.sole !== null && programOf(this.sole) === programOf(key)) void this.drop(this.sole);
    if (isFirst && memoryArena === 'sole') this.sole = key;
    const keepsMemory = memoryArena === 'sole' ? isFirst : memoryArena;
    const compiling = Promise.resolve().then(() =>
      Executable.compile(make(), { ...options, memoryArena: keepsMemory ?? false }),
    );
    this.entries.set(key, compiling);
    try {
      const executable = await compiling;
      await this.evict();
      return executable;
    } catch (error) {
      if (this.entries.get(key) === compiling) this.entries.delete(key);
      throw error;
    }
  }

  /**
   * What runs `program` on feeds of these shapes: its compiled graph, which is recorded when the key is new, or with the
   * option `eager` the program itself, op by op.
   */
  async program(key: string, shapes: Record<string, InputSpec>, program: Program): Promise<Pick<Executable, 'run'>> {
    const { eager } = this.options;
    if (eager) return { run: (feeds) => runEagerly(eager, feeds, program) };
    return this.get(key, () => trace(shapes, program));
  }

  /** Releases everything. */
  async clear(): Promise<void> {
    const executables = await Promise.allSettled(this.entries.values());
    this.entries.clear();
    this.sole = null;
    for (const result of executables) if (result.status === 'fulfilled') result.value.release();
  }

  private async evict(): Promise<void> {
    while (this.entries.size > this.capacity) {
      await this.drop(this.entries.keys().next().value!);
    }
  }

  private async drop(key: string): Promise<void> {
    const compiling = this.entries.get(key);
    this.entries.delete(key);
    if (this.sole === key) this.sole = null;
    (await compiling?.catch(() => undefined))?.release();
  }
}

const programOf = (key: string): string => key.slice(0, key.lastIndexOf(':'));
