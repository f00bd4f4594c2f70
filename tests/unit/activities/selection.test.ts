import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createCurriculumActivities } from '../../../activities/curriculum.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import { createRewardActivities } from '../../../activities/reward.js';
import { createSelectionActivities } from '../../../activities/selection.js';
import type { ExampleRow, SelectionRow } from '../../../config/domain.js';
import { LoopConfig } from '../../../config/loop.js';
import { generateTasks } from '../../../datasets/index.js';
import { feedbackEvent } from '../learning/events.js';

const key = { loop: 'main', round: 1 };
const BUDGET = 10;

/** Forty requests, every other one answered rightly and accepted; ten labels may be spent. */
async function select(keepAccepted: boolean) {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-selection-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const files = new RoundFiles(dataFolder);
  const config = LoopConfig.parse({ selection: { budget: BUDGET, keepAccepted }, simulatedUsers: { wrongLabels: 0 } });
  const tasks = generateTasks({ seed: 3, purpose: 'accepted', count: 40, distribution: 'target', split: 'pool' });
  const events = tasks.map(({ artifactType, specification, reference }, place) => {
    const about = { id: `e${place}`, artifact_type: artifactType, input_data: specification };
    return place % 2 === 0
      ? feedbackEvent({ ...about, ai_output: reference, validation_score: 100, feedback_type: 'SUCCESS' })
      : feedbackEvent({ ...about, ai_output: 'nothing', validation_score: 0, feedback_type: 'VALIDATION_FAILURE' });
  });
  const feedbackRef = await files.write(key, 'feedback', events);
  const rewardsRef = await createRewardActivities({ dataFolder }).scoreRewards({ key, config, feedbackRef });
  const curriculum = { stage: 'mixed' as const, streak: 0, history: [] };
  const input = { key, config, feedbackRef, rewardsRef, curriculum };
  const curriculumRef = await createCurriculumActivities({ dataFolder }).organizeCurriculum(input);
  const result = await createSelectionActivities({ dataFolder }).selectExamples({
    ...input,
    curriculumRef,
    answersRef: null,
    earlierExamplesRef: null,
  });
  return {
    labels: result.labels,
    selected: (await files.read<SelectionRow>(result.selectionRef)).filter((row) => row.selected),
    examples: await files.read<ExampleRow>(result.examplesRef),
  };
}

it('trains on accepted answers beside what the budget bought, the hardest first', async () => {
  const without = await select(false);
  const { labels, selected, examples } = await select(true);
  expect(selected).toEqual(without.selected);
  expect(labels).toBe(without.labels);
  const added = examples.filter((row) => !without.examples.some(({ id }) => id === row.id));
  expect(added).toHaveLength(BUDGET);
  expect(added.every((row) => row.source === 'accepted' && row.labelScore === 100)).toBe(true);
  const difficulties = added.map((row) => row.difficulty);
  expect(difficulties).toEqual(difficulties.toSorted((a, b) => b - a));
  expect(without.examples.length).toBeLessThanOrEqual(BUDGET);
});
