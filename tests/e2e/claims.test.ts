import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ClaimsReport } from '../../config/claims.js';
import { registered, withSmokeTier } from '../preregistration.js';
import { jsonLines, Ratchet, ratchet } from './ratchet.js';

/** Two arms on two seeds, one short round each: a few seconds a run. */
function writeSmall(folder: string): string {
  const small = withSmokeTier({
    seeds: [1, 2],
    probeSeeds: [1],
    arms: ['v1-as-configured', 'v2-as-configured'],
    rounds: 1,
    settings: {
      selection: { budget: 60 },
      simulatedUsers: { requests: 80, wrongLabels: 0.05, testSpecifications: 12 },
      training: { ...(registered.tiers.smoke.settings['training'] as object), numEpochs: 1 },
    },
  });
  const file = path.join(folder, 'small.json');
  writeFileSync(file, JSON.stringify(small));
  return file;
}

it('ratchet claims: left in the middle it keeps what is done, and ends with a page, a picture and figures; --fresh measures again', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'claims-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const [data, out] = [path.join(folder, 'data'), path.join(folder, 'page')];
  const options = ['claims', '--prereg', writeSmall(folder), '--data', data, '--out', out, '--json'];

  const first = new Ratchet(options);
  await first.waitFor('"done":1');
  first.signal('SIGINT');
  expect(await first.ended).toMatchObject({ code: 130 });
  expect(existsSync(out)).toBe(false);
  const results = path.join(data, 'claims', 'results');
  const times = () => new Map(readdirSync(results).map((name) => [name, statSync(path.join(results, name)).mtimeMs]));
  const kept = times();
  expect(kept.size).toBeGreaterThanOrEqual(2);

  const { code, stdout, stderr } = await ratchet(options);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  // What had ended is not played again.
  for (const [name, time] of kept) expect(times().get(name)).toBe(time);
  const report = jsonLines(stdout).find((event) => event['event'] === 'claims') as unknown as ClaimsReport;
  expect(report).toMatchObject({
    complete: true,
    seeds: [1, 2],
    arms: { 'v1-as-configured': 2, 'v2-as-configured': 2 },
    labels: { 'v1-as-configured': 60, 'v2-as-configured': 60 },
  });

  const written = JSON.parse(readFileSync(path.join(out, 'claims.json'), 'utf8')) as ClaimsReport;
  expect(written.claims).toEqual(report.claims);
  const row = written.claims.find(({ id }) => id === 'default-score')!;
  expect(row).toMatchObject({ seeds: 2, comparison: 'difference' });
  expect(row.measuredGain).toBeCloseTo(row.levels!.arm - row.levels!.against, 10);
  expect(readFileSync(path.join(out, 'claims.md'), 'utf8')).toContain(row.claimed);
  expect(readFileSync(path.join(out, 'claims.svg'), 'utf8')).toContain('<svg');

  // Of what is trained only what is asked for is measured again.
  const measured = times();
  const again = await ratchet([...options, '--only', 'v2-as-configured', '--seeds', '1', '--fresh']);
  expect({ code: again.code, stderr: again.stderr }).toMatchObject({ code: 0 });
  const later = times();
  expect([...later.keys()]).toEqual([...measured.keys()]);
  const changed = [...later].filter(([name, time]) => measured.get(name) !== time).map(([name]) => name);
  const renewed = changed.map((name) => JSON.parse(readFileSync(path.join(results, name), 'utf8')) as { arm?: string });
  // Beside it the tier's probes, which train nothing.
  expect(renewed.filter(({ arm }) => arm !== undefined)).toMatchObject([{ arm: 'v2-as-configured', seed: 1 }]);

  const wrong = await ratchet(['claims', '--prereg', path.join(folder, 'missing.json'), '--data', data]);
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr).toContain('missing.json cannot be read as JSON');
});
