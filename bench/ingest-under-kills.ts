/**
 * Feedback with duplicates, in any order, while the store worker is killed again and again: exactly the distinct events
 * must be stored. Run: `npm run build && node dist/bench/ingest-under-kills.js [--events 1000000] [--kills 5] [--seed 1]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { canonicalJson, sha256 } from '../config/hash.js';
import { stream } from '../config/random.js';
import { RatchetConfig } from '../config/schema.js';
import { Store } from '../store/store.js';
import { connectClient } from '../workers/connection.js';
import { up } from '../workers/supervisor.js';
import type { ImportFeedbackResult } from '../workflows/import-feedback.js';
import { bulkEvent, importBulk } from './bulk-feedback.js';

export interface IngestOptions {
  /** Distinct events. */
  events: number;
  /** Share of them that comes twice. */
  duplicates: number;
  /** SIGKILLs of the store worker, spread over the imports. */
  kills: number;
  seed: number;
  dataFolder: string;
  /** Folder of the compiled workers. */
  workers: string;
}

export interface IngestResult {
  sent: number;
  distinct: number;
  /** Events in the store. */
  stored: number;
  /** Stored events whose content is not what was sent under their id. */
  changed: number;
  /** What the imports said: the sum of new events, and that of known ones, in the store or earlier in the same file. */
  accepted: number;
  duplicates: number;
  kills: number;
  seconds: number;
}

const FILES = 20;
const LOOP = 'main';

/** Imports shuffled files of events through the workers, kills the store worker in between, and counts what is stored. */
export async function ingestUnderKills(options: IngestOptions): Promise<IngestResult> {
  const { events, kills, seed, dataFolder, workers } = options;
  const order = shuffledIndices(options);
  const size = Math.ceil(order.length / FILES);
  const config = RatchetConfig.parse({});
  const running = await up({
    config,
    dataFolder,
    anyPort: true,
    workers: ['store-worker', 'cpu-worker'].map((name) => ({ name, script: path.join(workers, `${name}.js`) })),
  });
  const client = await connectClient(config, running.address);
  const started = performance.now();
  const draw = stream(seed, 'ingest', 'kills');
  let killed = 0;
  try {
    const results: ImportFeedbackResult[] = [];
    for (let file = 0; file < FILES; file += 1) {
      const part = order.slice(file * size, (file + 1) * size).map((index) => bulkEvent(seed, index));
      const importing = importBulk({ client, config, dataFolder }, LOOP, `events-${file}.jsonl`, part);
      if (killed < Math.floor(((file + 1) * kills) / FILES)) {
        killed += 1;
        await killStoreWorker(running.processes, draw.integer(1000));
      }
      results.push(await importing);
    }
    const sum = (of: (result: ImportFeedbackResult) => number) => results.reduce((total, each) => total + of(each), 0);
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    await client.connection.close();
    await running.stop();
    const counted = await countStored(dataFolder, seed, events);
    const [sent, accepted, duplicates] = [
      sum((each) => each.read),
      sum((each) => each.accepted),
      sum((each) => each.duplicates + each.rejected),
    ];
    return { sent, distinct: events, ...counted, accepted, duplicates, kills: killed, seconds };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** Kills it some milliseconds from now, when it is working; the supervisor starts it again. */
async function killStoreWorker(processes: () => { name: string; pid: number }[], milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const { pid } = processes().find(({ name }) => name === 'store-worker')!;
  process.kill(pid, 'SIGKILL');
}

/** The indices of all events and of the duplicates, shuffled. */
function shuffledIndices({ events, duplicates, seed }: IngestOptions): number[] {
  const draw = stream(seed, 'ingest', 'order');
  const twice = Array.from({ length: Math.round(events * duplicates) }, () => draw.integer(events));
  return draw.shuffle([...Array.from({ length: events }, (_, index) => index), ...twice]);
}

async function countStored(
  dataFolder: string,
  seed: number,
  events: number,
): Promise<Pick<IngestResult, 'stored' | 'changed'>> {
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'));
  try {
    const rows = await store.query('SELECT id, content_sha256 AS hash FROM feedback_events', [], {
      limit: 2 * events + 1,
    });
    const stored = new Map(rows.map((row) => [row['id'], row['hash']]));
    let changed = 0;
    for (let index = 0; index < events; index += 1) {
      const event = bulkEvent(seed, index);
      if (stored.get(event.id) !== sha256(canonicalJson(event))) changed += 1;
    }
    return { stored: rows.length, changed };
  } finally {
    await store.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      events: { type: 'string', default: '1000000' },
      kills: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
    },
  });
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-ingest-'));
  try {
    const [events, kills, seed] = [Number(values.events), Number(values.kills), Number(values.seed)];
    const workers = fileURLToPath(new URL('../workers', import.meta.url));
    const result = await ingestUnderKills({ events, duplicates: 0.1, kills, seed, dataFolder, workers });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    rmSync(dataFolder, { recursive: true, force: true });
  }
}
