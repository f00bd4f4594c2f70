import { createWriteStream, mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { createFeedbackStoreActivities } from '../../../activities/feedback.js';
import { createImportActivities } from '../../../activities/import-feedback.js';
import { createTrackingStoreActivities } from '../../../activities/tracking.js';
import { event, temporaryFolder, temporaryStore } from '../store/rows.js';

const BAD = 20_000;
const folder = 'loops/main/imports/1';
const key = { loop: 'main', round: 0 };

it('D8: a file with more bad rows than the database has memory for is imported, its good rows as well', async () => {
  const [dataFolder, store] = [temporaryFolder(), await temporaryStore(undefined, { memoryLimit: '64MB' })];
  mkdirSync(path.join(dataFolder, folder), { recursive: true });
  const file = createWriteStream(path.join(dataFolder, folder, 'mostly-bad.jsonl'));
  const padding = 'x'.repeat(1000);
  for (let i = 0; i < BAD; i++) file.write(`${JSON.stringify({ id: `bad-${i}`, padding })}\n`);
  file.end(`${JSON.stringify(event(1))}\n`);
  await finished(file);

  const parsed = await createImportActivities({ dataFolder }).parseFeedback({ uri: `${folder}/mostly-bad.jsonl` });
  expect(parsed).toMatchObject({ read: BAD + 1, accepted: 1, rejected: BAD, rejectedRef: { rows: BAD } });
  expect(parsed.rejectedSample.map(({ line }) => line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect((await readdir(path.join(dataFolder, folder))).sort()).toEqual([
    'events-0.jsonl',
    'mostly-bad.jsonl',
    'rejected.jsonl',
  ]);

  const { recordStage } = createTrackingStoreActivities({ dataFolder, store });
  // The second time is an attempt whose answer was lost.
  for (let attempt = 1; attempt <= 2; attempt++) {
    await recordStage({ key, stage: 'feedback', table: 'rejected', ref: parsed.rejectedRef });
    expect((await store.ledger(1)).rows).toBe(BAD);
  }
  const { ingestFeedback } = createFeedbackStoreActivities({ dataFolder, store });
  const ref = parsed.chunks[0]!;
  expect(await new MockActivityEnvironment({}).run(ingestFeedback, { key, ref })).toMatchObject({ accepted: 1 });
});
