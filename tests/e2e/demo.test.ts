import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, Ratchet, ratchet } from './ratchet.js';

const TINY = 'tests/e2e/tiny-demo.yaml';

describe('demo', () => {
  let folder: string;
  let demo: (...args: string[]) => string[];
  let summary: Record<string, unknown>;
  let sha256: unknown;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'ratchet-demo-'));
    demo = (...args) => ['demo', '--config', TINY, '--data', folder, ...args];
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

  it('--json --fresh prints JSON lines only, the summary last', async () => {
    const { code, stdout, stderr } = await ratchet(demo('--json', '--fresh'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = jsonLines(stdout);
    summary = lines.at(-1)!;
    const scores = { score: expect.any(Number), successRate: expect.any(Number), edgeScore: expect.any(Number) };
    expect(summary).toEqual({
      baseline: scores,
      final: scores,
      labels: expect.any(Number),
      rounds: 1,
      seconds: expect.any(Number),
      adapterSha256: summary.adapterSha256,
    });
    expect(summary.adapterSha256).toSatisfy((hash) => hash === null || /^[0-9a-f]{64}$/.test(String(hash)));
    const rounds = lines.filter((line) => line.event === 'round');
    expect(rounds).toEqual([
      expect.objectContaining({ round: 1, stage: 'mixed', trained: true, labels: summary.labels }),
    ]);
    sha256 = rounds[0]?.sha256;
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(lines.findIndex((line) => line.event === 'baseline')).toBeLessThan(
      lines.findIndex((line) => line.event === 'round'),
    );
    const result = JSON.parse(readFileSync(path.join(folder, 'loops/tiny/result.json'), 'utf8')) as object;
    expect(result).toMatchObject(summary);
  });

  it('typed again when it has finished prints the result and how to start over', async () => {
    const { code, stdout } = await ratchet(demo());
    expect(code).toBe(0);
    expect(stdout).toContain('the loop tiny has finished; --fresh starts over');
    expect(stdout).toMatch(/^1 {6}mixed +\d+\.\d /m);
    expect(stdout).toMatch(/^all +24 /m);
    expect(stdout).toContain(`result       ${path.join(folder, 'loops/tiny/result.json')}`);
    expect(stdout).toMatch(/Temporal UI {2}http:\/\/127\.0\.0\.1:\d+/);
  });

  it('its ledger, counts and audit trail can be read when nothing runs', async () => {
    const { code, stdout } = await ratchet(['feedback', 'rejected', '--data', folder]);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^(No row was refused\.|\d+ rows? w\w+ refused)\n/),
    });
    const loop = ['--name', 'tiny', '--data', folder, '--json'];
    const counts = await ratchet(['loop', 'stats', ...loop]);
    expect(jsonLines(counts.stdout)).toEqual([
      {
        feedback_events: expect.toSatisfy((events) => events > 0),
        training_batches: expect.toSatisfy((batches) => batches > 0),
        curriculum: expect.objectContaining({ current_stage: 'mixed' }),
      },
    ]);
    const trail = await ratchet(['loop', 'audit', '--name', 'tiny', '--data', folder]);
    expect(trail).toMatchObject({ code: 0, stdout: expect.stringContaining('tiny') });
  });

  it('says that another configuration needs --fresh', async () => {
    const { stdout } = await ratchet(demo('--seed', '4'));
    expect(stdout).toContain(
      'it was started with another configuration and keeps it; --fresh starts over with this one',
    );
  });

  it('Ctrl-C leaves cleanly and says how to come back; coming back gives the same result', async () => {
    const first = new Ratchet(demo('--json', '--fresh', '--yes'));
    await first.waitFor('"stage":"training"');
    first.signal('SIGINT');
    const left = await first.ended;
    expect(left.code).toBe(130);
    expect(jsonLines(left.stdout).at(-1)).toEqual({
      event: 'detached',
      comeBack: `npx ratchet demo --config ${TINY} --data ${folder} --json`,
    });
    expect(existsSync(path.join(folder, 'run/supervisor.lock'))).toBe(false);

    const { code, stdout } = await ratchet(demo('--json'));
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    expect(lines.find((line) => line.event === 'loop')).toMatchObject({ how: 'joined' });
    const { seconds: _, ...again } = lines.at(-1)!;
    expect(summary).toMatchObject(again);
    expect(lines.find((line) => line.event === 'round')?.sha256).toBe(sha256);
  });
});
