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

/** Selects from forty requests with feedback; ten labels may be spent. */
async function selectFrom(
  settings: Record<string, unknown>,
  feedbackOn: (task: ReturnType<typeof generateTasks>[number], place: number) => Parameters<typeof feedbackEvent>[0],
) {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-selection-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const files = new RoundFiles(dataFolder);
  const config = LoopConfig.parse(settings);
  const tasks = generateTasks({ seed: 3, purpose: 'accepted', count: 40, distribution: 'target', split: 'pool' });
  const events = tasks.map((task, place) => {
    const about = { id: `e${place}`, artifact_type: task.artifactType, input_data: task.specification };
    return feedbackEvent({ ...about, ...feedbackOn(task, place) });
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

/** Every other one is answered rightly and accepted. */
const select = (keepAccepted: boolean) =>
  selectFrom(
    { selection: { budget: BUDGET, keepAccepted }, simulatedUsers: { wrongLabels: 0 } },
    ({ reference }, place) =>
      place % 2 === 0
        ? { ai_output: reference, validation_score: 100, feedback_type: 'SUCCESS' }
        : { ai_output: 'nothing', validation_score: 0, feedback_type: 'VALIDATION_FAILURE' },
  );

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

it('chooses what users correct before what they accept, where the validator passes both', async () => {
  const { selected } = await selectFrom({ selection: { budget: BUDGET } }, ({ reference }, place) =>
    place % 2 === 0
      ? { ai_output: 'x', validation_score: 100, feedback_type: 'USER_CORRECTION', corrected_output: reference }
      : { ai_output: reference, validation_score: 100, feedback_type: 'SUCCESS' },
  );
  expect(selected.map(({ eventId }) => Number(eventId.slice(1)) % 2)).toEqual(Array(BUDGET).fill(0));
  for (const { uncertainty } of selected) expect(uncertainty).toBeGreaterThan(0.4);
});

it('the simulated annotator labels by the convention of the time, and both conventions pass', async () => {
  const times = ['2025-11-05T00:00:00Z', '2025-12-30T00:00:00Z'];
  const { examples } = await selectFrom(
    { selection: { budget: 40 }, simulatedUsers: { wrongLabels: 0, changeConvention: true } },
    (_, place) => ({
      ts: times[place % 2]!,
      ai_output: 'nothing',
      validation_score: 0,
      feedback_type: 'VALIDATION_FAILURE',
    }),
  );
  expect(new Set(examples.map((row) => row.ts))).toEqual(new Set(times));
  expect(examples.every((row) => row.labelScore === 100)).toBe(true);
  const types = (time: string) =>
    examples
      .filter((row) => row.ts === time)
      .flatMap(({ target }) => [...target.matchAll(/^(\w+) (?:price|total|weight|rating|salary|fee)$/gm)])
      .map(([, type]) => type);
  expect(new Set(types(times[0]!))).toEqual(new Set(['decimal']));
  expect(new Set(types(times[1]!))).toEqual(new Set(['int']));
});
