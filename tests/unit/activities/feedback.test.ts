import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { RoundFiles } from '../../../activities/dependencies.js';
import { createFeedbackStoreActivities } from '../../../activities/feedback.js';
import { event, temporaryFolder, temporaryStore } from '../store/rows.js';

it('D8: an ingestion that is tried again after its answer was lost counts its events as new, another one as known', async () => {
  const [dataFolder, store] = [temporaryFolder(), await temporaryStore()];
  const key = { loop: 'main', round: 0 };
  const ref = await new RoundFiles(dataFolder).write(key, 'events', [event(1), event(2), event(1)]);
  const { ingestFeedback } = createFeedbackStoreActivities({ dataFolder, store });
  const ingest = (activityId: string, attempt: number) =>
    new MockActivityEnvironment({ activityId, attempt }).run(ingestFeedback, { key, ref });
  const counted = { accepted: 2, duplicates: 1, cursor: 2 };
  expect(await ingest('1', 1)).toEqual(counted);
  expect(await ingest('1', 2)).toEqual(counted);
  expect(await ingest('2', 1)).toEqual({ accepted: 0, duplicates: 3, cursor: 2 });
  expect(await store.lastSeq('main')).toBe(2);
});
