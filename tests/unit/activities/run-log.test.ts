import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openTrainingLog, type TrainingRecord } from '../../../activities/run-log.js';

const checkpoint = (step: number, sha256: string): TrainingRecord => ({ kind: 'checkpoint', step, path: 'x', sha256 });

it('a run log holds the first record of each step, skips a torn line, and writes down what was done again', () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'ratchet-run-log-')), 'run', 'log.jsonl');
  const log = openTrainingLog(file);
  log.append(checkpoint(1, 'a'));
  log.append(checkpoint(2, 'b'));
  appendFileSync(file, '{"kind":"checkpoint","st');
  const resumed = openTrainingLog(file);
  resumed.append(checkpoint(2, 'c'));
  resumed.append(checkpoint(3, 'd'));
  expect(resumed.rows).toEqual([checkpoint(1, 'a'), checkpoint(2, 'b'), checkpoint(3, 'd')]);
  const written = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'));
  expect(written.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([1, 2, 2, 3]);
  expect(openTrainingLog(file).rows).toEqual(resumed.rows);
});
