import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { planArm, probeKey } from '../../../activities/claims.js';
import { parseResults, resultFile, writeState } from '../../../activities/claims/result-files.js';
import { createCpuActivities } from '../../../activities/index.js';
import { readRegistration } from '../../preregistration.js';

const readRuns = (file: string) => parseResults(readFileSync(file, 'utf8'));

describe('what is published of the claims', () => {
  it.each(['prereg', 'held-out'])('every run of %s is one of its registration', (name) => {
    const ground = { preregistration: readRegistration(`bench/claims/${name}.json`), tier: 'cpu' as const };
    const runs = readRuns(`bench/claims/${name}-runs.jsonl`);
    expect(runs.length).toBeGreaterThan(0);
    for (const run of runs)
      expect(run.key).toBe('arm' in run ? planArm(ground, run.arm, run.seed).key : probeKey(ground, run.seed));
  });

  it.each([
    ['prereg', 'docs/claims.json'],
    ['held-out', 'docs/held-out/claims.json'],
  ])('the report on %s is what its runs come to', async (name, file) => {
    const preregistration = readRegistration(`bench/claims/${name}.json`);
    const { arms, seeds, probeSeeds } = preregistration.tiers.cpu;
    const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-published-'));
    try {
      for (const run of readRuns(`bench/claims/${name}-runs.jsonl`))
        await writeState(dataFolder, resultFile(run.key), run);
      const { judgeClaims } = createCpuActivities({ dataFolder });
      const report = await judgeClaims({ preregistration, tier: 'cpu', arms, seeds, probeSeeds });
      const { command: _, ...published } = JSON.parse(readFileSync(file, 'utf8')) as { command: string };
      expect(JSON.parse(JSON.stringify(report))).toEqual(published);
    } finally {
      rmSync(dataFolder, { recursive: true });
    }
  });
});
