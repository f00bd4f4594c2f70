import { runEagerly } from './eager.js';
import { Executable, type CompileOptions } from './executable.js';
import type { Graph } from './graph.js';
import type { tf } from './tfjs.js';
import { trace, type InputSpec } from './trace.js';

type Program = (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

export interface CacheOptions extends Omit<CompileOptions, 'memoryArena'> {
  /**
   * Keep freed memory for the next run, see {@link CompileOptions}. `steady`: of one graph only, once it was asked for three
   * times in a row: where shapes change from run to run, each graph would keep its own.
   */
  memoryArena?: boolean | 'steady';
}

/** Shapes that change now and then repeat by chance, too. */
const STEADY_AFTER = 3;

/** Compiled graphs by shape bucket, least recently used first; the oldest is released when there is no room. */
export class CompileCache {
  private readonly entries = new Map<string, Promise<Executable>>();
  /** Key of the steady graph. */
  private steady: string | null = null;
  private last = { key: '', times: 0 };

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
    const { memoryArena, ...options } = this.options;
    const known = this.entries.get(key);
    const settles = memoryArena === 'steady' && this.settles(key);
    if (known && !settles) {
      this.entries.delete(key);
      this.entries.set(key, known);
      return known;
    }
    if (known) void this.drop(key);
    if (settles) this.steady = key;
    const keepsMemory = memoryArena === 'steady' ? settles : memoryArena;
    const compiling = Promise.resolve().then(() =>
      Executable.compile(make(), { ...options, memoryArena: keepsMemory ?? false }),
    );
    this.entries.set(key, compiling);
    try {
      const executable = await compiling;
      await this.evict();
      return executable;
    } catch (error) {
      if (this.entries.get(key) === compiling) void this.drop(key);
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
    this.steady = null;
    for (const result of executables) if (result.status === 'fulfilled') result.value.release();
  }

  private async evict(): Promise<void> {
    while (this.entries.size > this.capacity) {
      await this.drop(this.entries.keys().next().value!);
    }
  }

  /** Whether this is the time to let a graph keep its memory. */
  private settles(key: string): boolean {
    const times = this.last.key === key ? this.last.times + 1 : 1;
    this.last = { key, times };
    return this.steady === null && times === STEADY_AFTER;
  }

  private async drop(key: string): Promise<void> {
    const compiling = this.entries.get(key);
    this.entries.delete(key);
    if (this.steady === key) this.steady = null;
    (await compiling?.catch(() => undefined))?.release();
  }
}
