import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Activities } from '../../workflows/proxies.js';
import { createCpuActivities, createGpuActivities, createStoreActivities } from '../../activities/index.js';
import { Store } from '../../store/store.js';
import type { LoopActivities } from './loop-harness.js';
import { ScriptedEngine, type Script } from './scripted-engine.js';

/** The real activities and the real store in a folder of their own; only the engine is scripted. */
export class RealLoop implements LoopActivities {
  private constructor(
    readonly dataFolder: string,
    readonly store: Store,
    readonly engine: ScriptedEngine,
  ) {}

  /** Opens one for the running test, and removes it after it. */
  static async open(script: Script = {}): Promise<RealLoop> {
    const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-loop-'));
    const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'));
    const loop = new RealLoop(dataFolder, store, new ScriptedEngine(script));
    onTestFinished(() => loop.close());
    return loop;
  }

  activities(): Activities['store'] & Activities['cpu'] & Activities['gpu'] {
    const { dataFolder, store, engine } = this;
    return {
      ...createStoreActivities({ dataFolder, store }),
      ...createCpuActivities({ dataFolder }),
      ...createGpuActivities({ dataFolder, engine }),
    };
  }

  /** Components that left rows in the store, over all rounds. */
  async traces(): Promise<string[]> {
    const rows = await this.store.query('SELECT DISTINCT component FROM component_traces ORDER BY component');
    return rows.map((row) => row.component as string);
  }

  async close(): Promise<void> {
    await this.store.close();
    await rm(this.dataFolder, { recursive: true, force: true });
  }
}
