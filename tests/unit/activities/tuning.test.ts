import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { RoundFiles } from '../../../activities/dependencies.js';
import type { GpuActivities } from '../../../activities/interfaces.js';
import { createTuningGpuActivities } from '../../../activities/tuning.js';
import { LoopConfig } from '../../../config/loop.js';
import { bestOrDefault } from '../../../learning/tuning/best-or-default.js';
import { ScriptedEngine } from '../../workflow/scripted-engine.js';
import { temporaryFolder } from '../store/rows.js';

type Input = Parameters<GpuActivities['trainTrial']>[0];
type Outcome = Awaited<ReturnType<GpuActivities['trainTrial']>>;

it('R7: a trial goes on where it was, and one of another plan or configuration begins anew', async () => {
  const [dataFolder, engine] = [temporaryFolder(), new ScriptedEngine()];
  const key = { loop: 'main', round: 1 };
  const files = new RoundFiles(dataFolder);
  const config = LoopConfig.parse({ name: 'main' });
  const parameters = { ...bestOrDefault([], config.training).parameters, numEpochs: 2 };
  const { trainTrial } = createTuningGpuActivities({ dataFolder, engine });
  const plan = (name: string, rows: number) =>
    files.write(
      key,
      name,
      Array.from({ length: rows }, () => ({ id: name })),
    );
  const validationRef = await plan('validation', 1);
  const train = async (changed: Partial<Input>) => {
    const trial = { key, config, planRef: await plan('train', 2), validationRef, parameters, initialModel: null };
    const input = { ...trial, number: 0, untilEpoch: null, ...changed };
    const outcome = await new MockActivityEnvironment().run<[Input], Outcome, typeof trainTrial>(trainTrial, input);
    expect(outcome.validationLosses).toHaveLength(input.untilEpoch ?? 2);
    return engine.epochs.length;
  };
  expect(await train({ untilEpoch: 1 })).toBe(1);
  expect(await train({})).toBe(2);
  expect(await train({})).toBe(2);
  expect(await train({ planRef: await plan('train', 3) })).toBe(4);
  expect(await train({ config: { ...config, strategy: 'full' } })).toBe(6);
});
