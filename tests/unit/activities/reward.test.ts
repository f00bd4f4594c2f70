import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createCurriculumActivities } from '../../../activities/curriculum.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import { createRewardActivities } from '../../../activities/reward.js';
import { createSelectionActivities } from '../../../activities/selection.js';
import type { FeedbackEvent, RejectedRow, SelectionRow, SourceRow } from '../../../config/domain.js';
import { LoopConfig } from '../../../config/loop.js';
import { stream } from '../../../config/random.js';
import { estimateDifficulty, generateTasks } from '../../../datasets/index.js';
import { SimilarityCalculator } from '../../../learning/metrics/similarity-calculator.js';
import { ageReference } from '../../../learning/reward/as-of.js';
import { judgeSources } from '../../../learning/reward/judge-sources.js';
import { scoreRewards } from '../../../learning/reward/score-rewards.js';
import { feedbackEvent } from '../learning/events.js';

const key = { loop: 'main', round: 1 };
const texts = new SimilarityCalculator();

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

it('W2: lets heartbeats go out while it compares long texts, and gives the same rewards', async () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-reward-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const draw = stream(1, 'long texts');
  const text = () => Array.from({ length: 5_000 }, () => 'abcdefgh {}'[draw.integer(11)]).join('');
  const events = Array.from({ length: 40 }, (_, place) =>
    feedbackEvent({
      id: `event-${place}`,
      ai_output: text(),
      corrected_output: text(),
      feedback_type: 'USER_CORRECTION',
      source: `user-${place % 3}`,
    }),
  );
  const files = new RoundFiles(dataFolder);
  const config = LoopConfig.parse({});
  const feedbackRef = await files.write(key, 'feedback', events);
  let ticks = 0;
  const timer = setInterval(() => void ticks++, 1);
  const ticksAtComparisons = new Set<number>();
  const { calculateSimilarity } = SimilarityCalculator.prototype;
  const spy = vi.spyOn(SimilarityCalculator.prototype, 'calculateSimilarity').mockImplementation(function (
    this: SimilarityCalculator,
    ...given
  ) {
    ticksAtComparisons.add(ticks);
    return calculateSimilarity.apply(this, given);
  });
  onTestFinished(() => spy.mockRestore());
  const rewardsRef = await createRewardActivities({ dataFolder }).scoreRewards({ key, config, feedbackRef });
  clearInterval(timer);
  expect(ticksAtComparisons.size).toBeGreaterThan(1);
  const atOnce = scoreRewards(events, {
    judged: judgeSources(events, (output, correction) => texts.calculateSimilarity(output, correction)).events,
    asOf: ageReference(events),
    config: config.reward,
    difficultyOf: (event) => estimateDifficulty(event.artifact_type, event.input_data),
  });
  expect(await files.read(rewardsRef)).toEqual(atOnce);
});
