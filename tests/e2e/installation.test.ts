import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { workflowSettings } from '../../apps/cli/loop-client.js';
import { loadConfig } from '../../config/load.js';
import { connectClient } from '../../workers/connection.js';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from '../../workers/lock.js';
import { storeOwner } from '../../workers/read-store.js';
import { jsonLines, Ratchet, ratchet } from './ratchet.js';

describe('a loop on an installation that is kept up', () => {
  let folder: string;
  let up: Ratchet;
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await ratchet([...args, '--json', '--data', folder]);
    return { code, stderr, last: jsonLines(stdout).at(-1)! };
  };
  const event = (id: string, changes: object = {}) => ({
    id,
    ts: '2026-11-20T10:00:00Z',
    input_data: 'a shop sells items',
    ai_output: 'erDiagram',
    artifact_type: 'erd',
    model_used: 'base',
    validation_score: 90,
    feedback_type: 'SUCCESS',
    context: {},
    ...changes,
  });

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ratchet-up-'));
    const free = ['--set', 'server.port=0', '--set', 'server.uiPort=0'];
    up = new Ratchet(['up', '--json', '--data', folder, ...free]);
    await up.waitFor('"event":"ready"');
  });
  afterAll(async () => {
    up.signal('SIGTERM');
    await up.ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('up tells address, UI and processes', () => {
    expect(jsonLines(up.stdout).at(-1)).toEqual({
      event: 'ready',
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      uiUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+/) as string,
      attached: false,
      processes: ['server', 'store-worker', 'cpu-worker', 'gpu-worker'].map((name) => ({
        name,
        pid: expect.any(Number) as number,
        restarts: 0,
      })),
    });
  });

  it('a second up sees that nothing is left to do', async () => {
    expect(await run('up')).toMatchObject({ code: 0, last: { event: 'ready', attached: true } });
  });

  it('a loop that is not there cannot be steered', async () => {
    expect(await run('loop', 'pause')).toMatchObject({
      code: 6,
      last: { error: { code: 'E_NOT_FOUND', message: 'There is no loop "main".' } },
    });
    expect((await run('loop', 'status')).code).toBe(6);
  });

  it('feedback can be imported before the loop starts, and twice', async () => {
    const file = path.join(folder, 'feedback.jsonl');
    const rows = [event('a'), event('b'), event('c', { validation_score: 101 }), event('d', { validation_score: 0.9 })];
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const first = await run('feedback', 'import', file);
    expect(first).toMatchObject({
      code: 0,
      last: { event: 'imported', read: 4, accepted: 3, duplicates: 0, conflicts: 0, rejected: 1 },
    });
    expect(first.last.rejectedSample).toEqual([
      { source: 'feedback.jsonl', line: 3, field: 'validation_score', reason: 'is above 100' },
    ]);
    expect(first.last.warnings).toHaveLength(1);
    expect((await run('feedback', 'import', file)).last).toMatchObject({ accepted: 0, duplicates: 3, rejected: 1 });
  });

  it('a file without one usable row exits 3', async () => {
    const file = path.join(folder, 'bad.jsonl');
    writeFileSync(file, '{"id": 1}\nnot json\n');
    expect(await run('feedback', 'import', file)).toMatchObject({
      code: 3,
      last: {
        error: { code: 'E_DATA_INVALID', message: expect.stringContaining('All 2 rows of bad.jsonl') as string },
      },
    });
  });

  it('D8: shows what was refused and why, the reasons counted', async () => {
    const { code, last } = await run('feedback', 'rejected', '--limit', '2');
    expect({ code, ...last }).toMatchObject({ code: 0, event: 'ledger', rows: 3 });
    expect(last.reasons).toContainEqual({
      source: 'feedback.jsonl',
      field: 'validation_score',
      reason: 'is above …',
      rows: 1,
    });
    const newest = last.newest as Record<string, unknown>[];
    expect(newest.map(({ source }) => source)).toEqual(['bad.jsonl', 'bad.jsonl']);
    expect(newest.find(({ line }) => line === 2)).toMatchObject({ raw: 'not json' });
  });

  it('several looks at once do not end each other', async () => {
    const { address } = lockHolder<SupervisorHolder>(supervisorLockFile(folder))!;
    const { config } = await loadConfig({});
    const client = await connectClient(config, address);
    onTestFinished(() => client.connection.close());
    const store = storeOwner(client, config.taskQueues.loop, workflowSettings(config));
    const looks = await Promise.all(Array.from({ length: 4 }, () => store.ledger(1)));
    for (const look of looks) expect(look).toMatchObject({ rows: 3 });
  });

  it('start, status, pause, resume, add and stop go together', async () => {
    expect(await run('loop', 'start')).toMatchObject({ code: 0, last: { event: 'loop', how: 'started' } });
    expect((await run('loop', 'start')).last).toMatchObject({ how: 'joined', otherConfig: false });
    expect((await run('loop', 'start', '--set', 'loop.minFeedback=5')).last).toMatchObject({ otherConfig: true });

    const follower = new Ratchet(['loop', 'status', '--follow', '--json', '--data', folder]);
    await follower.waitFor('"phase":"waiting"');
    expect((await run('loop', 'status')).last).toMatchObject({
      event: 'status',
      workflow: 'RUNNING',
      phase: 'waiting',
      pending: 3,
      minFeedback: 20,
    });

    await run('loop', 'pause');
    await follower.waitFor('"phase":"paused"');
    await run('loop', 'resume');
    const exchange = ['--input', 'a shop', '--output', 'erDiagram', '--correction', 'erDiagram\n  shop'];
    const added = await run('feedback', 'add', '--artifact-type', 'erd', '--score', '40', ...exchange);
    expect(added).toMatchObject({ code: 0, last: { accepted: 1 } });
    await follower.waitFor('"pending":4');

    expect((await run('loop', 'stop')).code).toBe(0);
    const { code, stdout } = await follower.ended;
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ workflow: 'COMPLETED' });
  });

  it('Ctrl-C ends up and all its processes', async () => {
    const ready = jsonLines(up.stdout).find((line) => line.event === 'ready') as { processes: { pid: number }[] };
    up.signal('SIGINT');
    const { code, stdout } = await up.ended;
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toEqual({ event: 'stopped' });
    for (const { pid } of ready.processes) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
