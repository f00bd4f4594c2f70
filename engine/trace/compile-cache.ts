import { runEagerly } from './eager.js';
import { Executable, type CompileOptions } from './executable.js';
import type { Graph } from './graph.js';
import type { tf } from './tfjs.js';
import { trace, type InputSpec } from './trace.js';

type Program = (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

export interface CacheOptions extends Omit<CompileOptions, 'memoryArena'> {
  /**
   * Keep freed memory for the next run, see {@link CompileOptions}. `first`: of the first graph only, which is all of them
   * where shapes do not change; where they do, each would keep its own.
   */
  memoryArena?: boolean | 'first';
}

/** Compiled graphs by shape bucket, least recently used first; the oldest is released when there is no room. */
export class CompileCache {
  private readonly entries = new Map<string, Promise<Executable>>();

  /** @param capacity compiled graphs that are kept, at least 1 */
  constructor(
    private readonly capacity = 8,
    private readonly options: CacheOptions = {},
  ) {}

  get size(): number {
    return this.entries.size;
  }

  /** The executable of `key`; `make` records its graph when the key is new. A failed compilation is not kept. */
  async get(key: string, make: () => Graph): Promise<Executable> {
    const known = this.entries.get(key);
    if (known) {
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    const { memoryArena, ...options } = this.options;
    const keepsMemory = memoryArena === 'first' ? this.entries.size === 0 : memoryArena;
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
    for (const result of executables) if (result.status === 'fulfilled') result.value.release();
  }

  private async evict(): Promise<void> {
    while (this.entries.size > this.capacity) {
      const [key, oldest] = this.entries.entries().next().value!;
      this.entries.delete(key);
      (await oldest).release();
    }
  }
}
