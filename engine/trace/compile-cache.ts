import { Executable, type CompileOptions } from './executable.js';
import type { Graph } from './graph.js';

/** Compiled graphs by shape bucket, least recently used first; the oldest is released when there is no room. */
export class CompileCache {
  private readonly entries = new Map<string, Promise<Executable>>();

  /** @param capacity compiled graphs that are kept, at least 1 */
  constructor(
    private readonly capacity = 8,
    private readonly options: CompileOptions = {},
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
    const compiling = Promise.resolve().then(() => Executable.compile(make(), this.options));
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
