import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { RoundFiles } from '../../../activities/dependencies.js';
import {
  createFeedbackCpuActivities,
  createFeedbackStoreActivities,
  type RequestRow,
} from '../../../activities/feedback.js';
import { LoopConfig } from '../../../config/loop.js';
import { generateTasks } from '../../../datasets/index.js';
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

it('D8: a round that is played again takes the feedback of the first time; what came since waits for the next', async () => {
  const [dataFolder, store] = [temporaryFolder(), await temporaryStore()];
  const { pendingFeedback } = createFeedbackStoreActivities({ dataFolder, store });
  const take = (round: number, after: number) => pendingFeedback({ key: { loop: 'main', round }, after, limit: 4 });
  await store.startRound('main', 1, { afterSeq: 0 });
  expect(await take(1, 0)).toMatchObject({ cursor: 0, count: 0 });
  await store.appendFeedback('main', [event(1), event(2), event(3)]);
  const first = await take(1, 0);
  expect(first).toMatchObject({ cursor: 3, count: 3 });
  await store.appendFeedback('main', [event(4), event(5), event(6), event(7), event(8)]);
  await store.startRound('main', 1, { afterSeq: 0 });
  expect(await take(1, 0)).toEqual(first);
  expect(await store.rounds('main')).toMatchObject([{ round: 1, afterSeq: 0, uptoSeq: 3 }]);
  await store.startRound('main', 2, { afterSeq: 3 });
  expect(await take(2, 3)).toMatchObject({ cursor: 7, count: 4 });
});

it('simulated users ask for the types they are told to, by default for those of the base model', async () => {
  const dataFolder = temporaryFolder();
  const ask = async (users: object) => {
    const config = LoopConfig.parse({ seed: 4, simulatedUsers: { requests: 40, ...users } });
    const { simulateRequests } = createFeedbackCpuActivities({ dataFolder });
    const ref = await simulateRequests({ key: { loop: 'main', round: 1 }, config });
    return new RoundFiles(dataFolder).read<RequestRow>(ref);
  };
  const wanted = generateTasks({ seed: 4, purpose: 'requests-1', count: 40, distribution: 'target', split: 'pool' });
  expect((await ask({})).map((row) => row.id)).toEqual(wanted.map((task) => task.id));
  const others = await ask({ artifactTypes: ['sql_query'] });
  expect(new Set(others.map((row) => row.artifactType))).toEqual(new Set(['sql_query']));
  for (const artifactTypes of [[], ['erd', 'erd'], ['poem']])
    expect(LoopConfig.safeParse({ simulatedUsers: { artifactTypes } }).success).toBe(false);
});
