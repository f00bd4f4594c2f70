import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createBatchingActivities } from '../../../activities/batching.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import type { ArtifactType } from '../../../config/domain.js';
import { LoopConfig } from '../../../config/loop.js';
import { example } from '../learning/events.js';

/** The second round's answer, after a first with so many examples of one type. */
async function assemble(earlier: number, fresh: Partial<Record<ArtifactType, number>>) {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-batching-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const files = new RoundFiles(dataFolder);
  const key = { loop: 'main', round: 2 };
  const rows = (round: number, artifactType: ArtifactType, count: number) =>
    Array.from({ length: count }, (_, place) => example({ id: `${round}-${artifactType}-${place}`, artifactType }));
  const examples = Object.entries(fresh).flatMap(([type, count]) => rows(2, type as ArtifactType, count));
  const { ready, reason } = await createBatchingActivities({ dataFolder }).assembleBatches({
    key,
    config: LoopConfig.parse({}),
    earlierExamplesRef: await files.write({ ...key, round: 1 }, 'examples', rows(1, 'erd', earlier)),
    examplesRef: await files.write(key, 'examples', examples),
    curriculum: { stage: 'mixed', streak: 0, history: [] },
  });
  return { ready, reason };
}

it('R3: a round trains as soon as one artifact type has a batch, and says otherwise what it waits for', async () => {
  expect(await assemble(12, { erd: 8 })).toEqual({ ready: true, reason: '20 examples in 1 batch' });
  expect(await assemble(11, { erd: 8, code_prototype: 7 })).toEqual({
    ready: false,
    reason: '26 labelled examples wait (19 erd, 7 code_prototype); a batch needs 20 of one artifact type',
  });
  expect(await assemble(40, {})).toEqual({ ready: false, reason: 'no new labelled example' });
});
