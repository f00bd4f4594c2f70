import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { ingestUnderKills } from '../../bench/ingest-under-kills.js';

it('D8: of 100,000 events with 10 % duplicates, shuffled, while the store worker is killed 5 times, each is stored once', async () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-ingest-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 }));
  const workers = fileURLToPath(new URL('../../dist/workers', import.meta.url));
  const result = await ingestUnderKills({ events: 100_000, duplicates: 0.1, kills: 5, seed: 3, dataFolder, workers });
  expect(result).toMatchObject({ sent: 110_000, distinct: 100_000, stored: 100_000, changed: 0, kills: 5 });
  expect(result).toMatchObject({ accepted: 100_000, duplicates: 10_000 });
});
