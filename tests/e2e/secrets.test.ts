import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../config/schema.js';
import { Store } from '../../store/store.js';
import { SMALL_LOOP } from '../../workers/chaos/small-loop.js';
import { SmallRun } from '../../workers/chaos/small-run.js';
import { connectClient } from '../../workers/connection.js';
import { up } from '../../workers/supervisor.js';

const PROGRAM = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));
/** Names under which people keep keys; each value occurs nowhere else. */
const SECRETS = Object.fromEntries(
  [
    'TEMPORAL_API_KEY',
    'OPENAI_API_KEY',
    'ANTHROPIC_API_KEY',
    'HF_TOKEN',
    'AWS_SECRET_ACCESS_KEY',
    'DATABASE_PASSWORD',
  ].map((name, index) => [name, `planted-${index}-${'q7Zk'.repeat(6)}`]),
);
/** Occurs wherever a loop leaves anything: a search that does not find it searches nothing. */
const CONTROL = 'demo-round-1';

let dataFolder: string;
beforeAll(async () => {
  dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-secrets-'));
  Object.assign(process.env, SECRETS);
  const config = { ...SMALL_LOOP, loop: { ...SMALL_LOOP.loop, rounds: 1 }, logging: { level: 'debug' } };
  await new SmallRun(PROGRAM, dataFolder, JSON.stringify(config)).summary();
});
afterAll(() => {
  for (const name of Object.keys(SECRETS)) delete process.env[name];
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
});

const secretsIn = (text: string) => Object.keys(SECRETS).filter((name) => text.includes(SECRETS[name]!));

/** Every text and byte sequence of a value, one a line: payloads of a history are bytes. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value === 'object' && value !== null) return Object.values(value).map(textOf).join('\n');
  return String(value);
}

describe('secrets of the environment', () => {
  it('are in no file of the data folder: logs, configuration, artifacts, checkpoints, the database of the server', () => {
    const files = readdirSync(dataFolder, { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(dataFolder, name))
      .filter((file) => statSync(file).isFile());
    const texts = files.map((file) => [file, readFileSync(file, 'latin1')] as const);
    expect(files.filter((file) => file.includes(`${path.sep}logs${path.sep}`)).length).toBeGreaterThan(3);
    const searched = texts
      .filter(([, text]) => text.includes(CONTROL))
      .map(([file]) => path.relative(dataFolder, file));
    expect(searched.some((file) => file.startsWith('temporal'))).toBe(true);
    expect(searched.some((file) => file.startsWith('loops'))).toBe(true);
    expect(texts.flatMap(([file, text]) => secretsIn(text).map((name) => `${name} in ${file}`))).toEqual([]);
  });

  it('are in no row of the store', async () => {
    const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'));
    try {
      const tables = Object.keys(await store.tableCounts());
      const texts = await Promise.all(tables.map(async (name) => textOf(await store.query(`SELECT * FROM ${name}`))));
      expect(texts.some((text) => text.includes(CONTROL))).toBe(true);
      expect(texts.flatMap(secretsIn)).toEqual([]);
    } finally {
      await store.close();
    }
  });

  it('are in no history of a workflow', async () => {
    const config = RatchetConfig.parse({});
    const running = await up({ config, dataFolder, anyPort: true, workers: [] });
    const client = await connectClient(config, running.address);
    try {
      const histories: string[] = [];
      for await (const { workflowId, runId } of client.workflow.list())
        histories.push(textOf(await client.workflow.getHandle(workflowId, runId).fetchHistory()));
      expect(histories.length).toBeGreaterThanOrEqual(4);
      expect(histories.some((text) => text.includes(CONTROL))).toBe(true);
      expect(histories.flatMap(secretsIn)).toEqual([]);
    } finally {
      await client.connection.close();
      await running.stop();
    }
  });
});
