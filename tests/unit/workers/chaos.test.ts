import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KINDS, planFault } from '../../../workers/chaos/faults.js';
import { differences, lostEvents, lostSteps, type Fingerprint } from '../../../workers/chaos/fingerprint.js';
import { runChaos, summarize, type ChaosResult } from '../../../workers/chaos/run-chaos.js';
import { TARGETS } from '../../../workers/chaos/small-run.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-chaos-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('planFault', () => {
  const plan = (seed: number) => Array.from({ length: 200 }, (_, index) => planFault(seed, index + 1));

  it('is a function of seed and run', () => {
    expect(plan(3)).toEqual(plan(3));
    expect(plan(3)).not.toEqual(plan(4));
  });

  it('hits every process, freezes workers only, and strikes in the middle of a checkpoint too', () => {
    const faults = plan(1);
    expect(new Set(faults.map(({ target }) => target))).toEqual(new Set(TARGETS));
    const frozen = new Set(faults.filter(({ kind }) => kind === 'freeze').map(({ target }) => target));
    expect(frozen).toEqual(new Set(['gpu-worker', 'cpu-worker', 'store-worker']));
  });

  it.each(['.tmp-step-', 'ratchet.duckdb', 'round-1 closes', 'round-2/answers'])(
    'strikes at %s, among others',
    (at) => {
      expect(plan(1).filter(({ moment }) => moment[0]!.startsWith(at)).length).toBeGreaterThan(2);
    },
  );

  it.each(KINDS)('holds the fault %s, mostly kills', (kind) => {
    const share = plan(1).filter((fault) => fault.kind === kind).length / 200;
    expect(share).toBeGreaterThan(0.01);
    expect(share > 0.5).toBe(kind === 'kill');
  });

  it('freezes for less and for more than the heartbeat timeout, and for 30 s', () => {
    const lengths = new Set(plan(1).flatMap(({ kind, milliseconds }) => (kind === 'freeze' ? [milliseconds] : [])));
    expect(lengths).toEqual(new Set([1_500, 7_000, 30_000]));
  });
});

describe('comparison with the undisturbed run', () => {
  const undisturbed: Fingerprint = {
    hashes: { summary: 'a', adapter: 'b', rewards: 'c' },
    checkpoints: { 'run 2': 'd', 'run 4': 'e' },
    events: ['1', '2', '3'],
  };

  it('names tables and checkpoints that differ, and allows checkpoints in between', () => {
    expect(differences(undisturbed, undisturbed)).toEqual([]);
    const disturbed = { ...undisturbed, checkpoints: { ...undisturbed.checkpoints, 'run 3': 'x' } };
    expect(differences(undisturbed, disturbed)).toEqual([]);
    const broken = { ...undisturbed, hashes: { ...undisturbed.hashes, rewards: '?' }, checkpoints: { 'run 2': 'd' } };
    expect(differences(undisturbed, broken)).toEqual(['rewards', 'checkpoint run 4']);
  });

  it.each([
    [['1', '2', '3'], 0],
    [['1', '3'], 1],
    [['1', '2', '2', '3'], 1],
    [['1', '2', '3', '4'], 1],
    [['2', '2', '5'], 4],
  ])('counts events lost, doubled or made up: %j → %i', (events, count) => {
    expect(lostEvents(undisturbed, { ...undisturbed, events })).toBe(count);
  });

  it('counts the steps that a training did twice', async () => {
    const training = path.join(folder, 'loops/demo/round-1/training-0123456789ab');
    mkdirSync(training, { recursive: true });
    const step = (number: number) => JSON.stringify({ kind: 'step', loss: 1, step: number });
    const lines = [
      step(1),
      step(2),
      JSON.stringify({ kind: 'checkpoint', step: 2 }),
      step(3),
      step(4),
      '',
      step(3),
      step(4),
    ];
    writeFileSync(path.join(training, 'log.jsonl'), lines.join('\n'));
    expect(await lostSteps(folder)).toBe(2);
  });
});

describe('runChaos', () => {
  const result = (run: number, changes: Partial<ChaosResult> = {}): ChaosResult => ({
    run,
    fault: planFault(1, run),
    struck: true,
    differences: [],
    lostEvents: 0,
    lostSteps: run,
    seconds: 1,
    ...changes,
  });
  const options = (seed: number) => ({ kills: 2, seed, folder, program: 'never started' });

  it('sums up', () => {
    expect(summarize([result(1), result(2, { differences: ['rewards'], lostEvents: 3 })])).toEqual({
      runs: 2,
      identical: 1,
      lostEvents: 3,
      maxLostSteps: 2,
    });
  });

  it('knows what is left by the numbers of the runs, in whatever order they ended', async () => {
    const lines = [{ seed: 1 }, result(3), result(2), result(1)].map((line) => `${JSON.stringify(line)}\n`).join('');
    writeFileSync(path.join(folder, 'results.jsonl'), lines);
    writeFileSync(path.join(folder, 'undisturbed.json'), JSON.stringify({ hashes: {}, checkpoints: {}, events: [] }));
    expect(await runChaos(options(1))).toMatchObject({ runs: 2, maxLostSteps: 2 });
    expect(await runChaos({ ...options(1), kills: 3, from: 2 })).toMatchObject({ runs: 3, maxLostSteps: 3 });
    expect(await runChaos({ ...options(1), kills: 4, from: 5 })).toMatchObject({ runs: 3 });
  });

  it('takes the results of an interrupted plan, without a torn line, and refuses those of another seed', async () => {
    const lines = [{ seed: 1 }, result(1), result(2)].map((line) => `${JSON.stringify(line)}\n`).join('');
    writeFileSync(path.join(folder, 'results.jsonl'), `${lines}{"run":3,"fau`);
    writeFileSync(path.join(folder, 'undisturbed.json'), JSON.stringify({ hashes: {}, checkpoints: {}, events: [] }));
    const seen: number[] = [];
    const summary = await runChaos({ ...options(1), onResult: ({ run }) => seen.push(run) });
    expect(summary).toEqual({ runs: 2, identical: 2, lostEvents: 0, maxLostSteps: 2 });
    expect(seen).toEqual([1, 2]);
    await expect(runChaos(options(2))).rejects.toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});
