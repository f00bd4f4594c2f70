import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../config/schema.js';
import { Store } from '../../store/store.js';
import { SMALL_LOOP } from '../../workers/chaos/small-loop.js';
import { SmallRun, type SmallRunSummary } from '../../workers/chaos/small-run.js';
import { KEYS_VARIABLE } from '../../workers/payload-encryption.js';
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

const CONFIG = JSON.stringify({
  ...SMALL_LOOP,
  loop: { ...SMALL_LOOP.loop, rounds: 1 },
  logging: { level: 'debug' },
});

let dataFolder: string;
let summary: SmallRunSummary;
beforeAll(async () => {
  dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-secrets-'));
  Object.assign(process.env, SECRETS);
  summary = await new SmallRun(PROGRAM, dataFolder, CONFIG).summary();
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
    const texts = filesOf(dataFolder);
    expect(texts.filter(([file]) => file.startsWith(`logs${path.sep}`)).length).toBeGreaterThan(3);
    const searched = texts.filter(([, text]) => text.includes(CONTROL)).map(([file]) => file);
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
    const histories = await historiesOf(dataFolder);
    expect(histories.length).toBeGreaterThanOrEqual(4);
    expect(histories.some((text) => text.includes(CONTROL))).toBe(true);
    expect(histories.flatMap(secretsIn)).toEqual([]);
  });
});

describe('with keys for payloads', () => {
  const secret = randomBytes(32).toString('base64');
  /** What payloads of every loop hold: a model version, a setting, a reason. */
  const payloads = [CONTROL, 'learningRate', 'validation score'];
  const found = (texts: string[]) => payloads.filter((words) => texts.some((text) => text.includes(words)));
  let sealed: string;
  beforeAll(() => {
    sealed = mkdtempSync(path.join(tmpdir(), 'ratchet-sealed-'));
    process.env[KEYS_VARIABLE] = `test:${secret}`;
  });
  afterAll(() => {
    delete process.env[KEYS_VARIABLE];
    rmSync(sealed, { recursive: true, force: true, maxRetries: 5 });
  });

  it('a run ends as it does without, and Temporal keeps nothing of what it is about; the key is nowhere', async () => {
    const { seconds: _, ...result } = await new SmallRun(PROGRAM, sealed, CONFIG).summary();
    expect(summary).toMatchObject(result);
    const server = (folder: string) => filesOf(folder).filter(([file]) => file.startsWith('temporal'));
    expect(found(server(dataFolder).map(([, text]) => text))).toEqual(payloads);
    expect(found(server(sealed).map(([, text]) => text))).toEqual([]);
    expect(found(await historiesOf(dataFolder))).toEqual(payloads);
    const histories = await historiesOf(sealed);
    expect(histories.some((text) => text.includes('loop/demo/round-1'))).toBe(true);
    expect(found(histories)).toEqual([]);
    const forms = [secret, Buffer.from(secret, 'base64').toString('latin1')];
    const holding = filesOf(sealed).filter(([, text]) => forms.some((form) => text.includes(form)));
    expect(holding.map(([file]) => file)).toEqual([]);
  });
});

/** Every file of a folder, by its path in there, as text of bytes. */
function filesOf(folder: string): [file: string, text: string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(path.join(folder, name)).isFile())
    .map((name) => [name, readFileSync(path.join(folder, name), 'latin1')]);
}

/** The histories that the server of a data folder keeps, as it keeps them. */
async function historiesOf(folder: string): Promise<string[]> {
  const config = RatchetConfig.parse({});
  const running = await up({ config, dataFolder: folder, anyPort: true, workers: [] });
  const connection = await Connection.connect({ address: running.address });
  try {
    const client = new Client({ connection });
    const histories: string[] = [];
    // The client would open memos, for which it has no key.
    const { executions } = await connection.workflowService.listWorkflowExecutions({ namespace: 'default' });
    for (const { execution } of executions) {
      const { workflowId, runId } = execution!;
      const history = await client.workflow.getHandle(workflowId!, runId!).fetchHistory();
      histories.push(`${workflowId}\n${textOf(history)}`);
    }
    return histories;
  } finally {
    await connection.close();
    await running.stop();
  }
}
