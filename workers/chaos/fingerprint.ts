import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson, sha256 } from '../../config/hash.js';
import { Store } from '../../store/store.js';
import type { SmallRun } from './small-run.js';

/** What a run has left behind, without times: equal for two runs that are the same. */
export interface Fingerprint {
  /** SHA-256 by name: the summary, the adapter, every table. */
  hashes: Record<string, string>;
  /** SHA-256 of every checkpoint (weights, moments, random streams) by run and step. */
  checkpoints: Record<string, string>;
  /** Ids of the stored feedback events, in order. */
  events: string[];
}

/** Reads a finished run: its store has no owner any more. */
export async function takeFingerprint(run: SmallRun): Promise<Fingerprint> {
  const { seconds: _, ...summary } = await run.summary();
  const store = await Store.open(path.join(run.dataFolder, 'ratchet.duckdb'));
  try {
    // A worker that is told to stop saves at once: checkpoints between the regular ones are no difference.
    const { checkpoints: _checkpoints, ...tables } = await store.contentHashes();
    const saved = await store.query('SELECT run_id, step, sha256 FROM checkpoints ORDER BY run_id, step');
    const stored = await store.query('SELECT id FROM feedback_events ORDER BY loop, seq', [], { limit: 1_000_000 });
    return {
      hashes: { summary: sha256(canonicalJson(summary)), adapter: summary.adapterSha256 ?? '', ...tables },
      checkpoints: Object.fromEntries(saved.map((row) => [`${row['run_id']} ${row['step']}`, String(row['sha256'])])),
      events: stored.map((row) => String(row['id'])),
    };
  } finally {
    await store.close();
  }
}

/** Names of what differs from the undisturbed run; empty when the runs are the same. */
export function differences(undisturbed: Fingerprint, disturbed: Fingerprint): string[] {
  const differing = (what: 'hashes' | 'checkpoints') =>
    Object.keys(undisturbed[what]).filter((name) => undisturbed[what][name] !== disturbed[what][name]);
  return [...differing('hashes'), ...differing('checkpoints').map((name) => `checkpoint ${name}`)];
}

/** Feedback events that one run has and the other has not, or that are stored twice. */
export function lostEvents(undisturbed: Fingerprint, disturbed: Fingerprint): number {
  const [expected, found] = [new Set(undisturbed.events), new Set(disturbed.events)];
  const missing = undisturbed.events.filter((id) => !found.has(id)).length;
  const foreign = disturbed.events.filter((id) => !expected.has(id)).length;
  return missing + foreign + (disturbed.events.length - found.size);
}

/** The most optimizer steps that any training of the run did twice, because it was ended after them. */
export async function lostSteps(dataFolder: string): Promise<number> {
  const files = await readdir(path.join(dataFolder, 'loops'), { recursive: true });
  const logs = files.filter((file) => /training-[0-9a-f]+\/log\.jsonl$/.test(file));
  const lost = await Promise.all(
    logs.map(async (file) => {
      const lines = (await readFile(path.join(dataFolder, 'loops', file), 'utf8')).split('\n');
      const steps = lines.flatMap((line) => /"kind":"step",.*"step":(\d+)/.exec(line)?.[1] ?? []);
      return steps.length - new Set(steps).size;
    }),
  );
  return Math.max(0, ...lost);
}
