import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createAugmentationActivities } from '../../../activities/augmentation.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import type { ExampleRow } from '../../../config/domain.js';
import { LoopConfig } from '../../../config/loop.js';
import { generateTasks, splitOf, taskId } from '../../../datasets/index.js';
import { example } from '../learning/events.js';

it('R9: no variant is a request of the test or validation tasks, nor one that trainings are validated on', async () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-augmentation-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const files = new RoundFiles(dataFolder);
  const key = { loop: 'main', round: 2 };
  const config = LoopConfig.parse({ tracking: { holdOut: 'fixed' } });
  const tasks = generateTasks({ seed: 5, purpose: 'augmentation', count: 60, distribution: 'target', split: 'pool' });
  const examples = tasks.map(({ artifactType, specification, reference }, place) =>
    example({ id: `e${place}`, eventId: `e${place}`, artifactType, input: specification, target: reference }),
  );
  const examplesRef = await files.write(key, 'labelled', examples);
  const { augmentExamples } = createAugmentationActivities({ dataFolder });
  const variantsBeside = async (earlier: readonly ExampleRow[]) => {
    const earlierExamplesRef = await files.write(key, 'earlier-examples', earlier);
    const rows = await files.read<ExampleRow>(await augmentExamples({ key, config, examplesRef, earlierExamplesRef }));
    expect(rows).toHaveLength(config.augmentation.factor * examples.length);
    const inputs = new Map(examples.map((row) => [row.id, row.input]));
    return rows.filter((row) => row.parentId !== undefined && row.input !== inputs.get(row.parentId));
  };

  const variants = await variantsBeside([]);
  // As version 0.1 has scheduled it.
  expect(await files.read(await augmentExamples({ key, config, examplesRef }))).toHaveLength(240);
  const splits = new Set(variants.map((row) => splitOf(taskId(row.artifactType, row.input))));
  expect([...splits].sort()).toEqual(['pool', 'pretrain']);

  // The same request as an earlier round's, which is validated on and has another answer.
  const [taken] = variants;
  const held = example({ ...taken!, id: 'held', input: taken!.input.toUpperCase(), target: '', split: 'validation' });
  expect((await variantsBeside([held])).map((row) => row.input)).not.toContain(taken!.input);
});
