import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createCurriculumActivities } from '../../../activities/curriculum.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import { createRewardActivities } from '../../../activities/reward.js';
import { createSelectionActivities } from '../../../activities/selection.js';
import type { FeedbackEvent, RejectedRow, SelectionRow, SourceRow } from '../../../config/domain.js';
import { LoopConfig } from '../../../config/loop.js';
import { generateTasks } from '../../../datasets/index.js';
import { feedbackEvent } from '../learning/events.js';

const key = { loop: 'main', round: 1 };

/** Each answer is right; three users say so and one corrects it to another answer. */
function poisonedEvents(): FeedbackEvent[] {
  const tasks = generateTasks({ seed: 3, purpose: 'poison', count: 16, distribution: 'target', split: 'pool' });
  return tasks.flatMap(({ artifactType, specification, reference }, place) => {
    const about = {
      artifact_type: artifactType,
      input_data: specification,
      ai_output: reference,
      validation_score: 100,
    };
    const good = ['ada', 'bob', 'cem'].map((source) =>
      feedbackEvent({ ...about, id: `${source}-${place}`, source, feedback_type: 'EXPLICIT_POSITIVE' }),
    );
    const bad = { id: `mallory-${place}`, source: 'mallory', corrected_output: 'something else altogether' };
    return [...good, feedbackEvent({ ...about, ...bad, feedback_type: 'USER_CORRECTION' })];
  });
}

async function rewardAndSelect(trust: boolean) {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-reward-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const deps = { dataFolder };
  const files = new RoundFiles(dataFolder);
  const config = LoopConfig.parse({ reward: { trust }, components: { curriculum: false, activeLearning: true } });
  const feedbackRef = await files.write(key, 'feedback', poisonedEvents());
  const { sourcesRef, distrustedRef, ...rewardsRef } = await createRewardActivities(deps).scoreRewards({
    key,
    config,
    feedbackRef,
  });
  const curriculum = { stage: 'mixed' as const, streak: 0, history: [] };
  const input = { key, config, feedbackRef, rewardsRef, curriculum };
  const curriculumRef = await createCurriculumActivities(deps).organizeCurriculum(input);
  const selected = await createSelectionActivities(deps).selectExamples({
    ...input,
    curriculumRef,
    answersRef: null,
    earlierExamplesRef: null,
  });
  const candidates = await files.read<SelectionRow>(selected.selectionRef);
  return {
    sources: sourcesRef && (await files.read<SourceRow>(sourcesRef)),
    distrusted: distrustedRef && (await files.read<RejectedRow>(distrustedRef)),
    fromMallory: candidates.filter((row) => row.eventId.startsWith('mallory')).length,
  };
}

it('R1: what a suspect source says goes to the ledger with its reason, and nothing is learned from it', async () => {
  const { sources, distrusted, fromMallory } = await rewardAndSelect(true);
  expect(sources!.filter((row) => row.suspect)).toMatchObject([{ source: 'mallory', compared: 16 }]);
  expect(distrusted).toHaveLength(16);
  expect(distrusted![0]).toMatchObject({ source: 'reward', field: 'source' });
  expect(distrusted![0]!.raw).toContain('something else altogether');
  expect(fromMallory).toBe(0);
});

it('R1: without trust every source is heard', async () => {
  const { sources, distrusted, fromMallory } = await rewardAndSelect(false);
  expect([sources, distrusted]).toEqual([undefined, undefined]);
  expect(fromMallory).toBe(16);
});
