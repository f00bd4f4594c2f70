import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { StepReport, TrainHooks } from '../../../../engine/api.js';
import { CompileCache } from '../../../../engine/trace/index.js';
import { trainModel } from '../../../../engine/train/train-model.js';
import { PreferenceLearner } from '../../../../learning/preference/preference-learner.js';
import { preferenceRow } from '../../../../learning/preference/preference-pair.js';
import { jsonLines, tinyRows, tinySpec, writeTinyModel } from '../../train/tiny-model.js';

it('R8: DPO that goes on from an adapter is held to it, not to the base model, and a resumed run is, too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-preferences-'));
  await writeTinyModel(folder);
  const graphs = new CompileCache(200, { threads: 1 });
  const base = tinySpec(folder);
  const parameters = { ...base.parameters, learningRate: 0.05, loraDropout: 0, maxSteps: 8 };
  const { validationFile: _validation, ...unvalidated } = base;
  const first = { ...unvalidated, parameters, outputDir: join(folder, 'adapter') };
  await trainModel(first, {}, { graphs });
  const learner = new PreferenceLearner();
  const rows = tinyRows(6, 1).flatMap(
    ({ prompt, completion }) => learner.collectPreferences(prompt, [completion, 'm m'], [100, 0], 'erd').pairs,
  );
  const trainFile = join(folder, 'pairs.jsonl');
  await writeFile(trainFile, jsonLines(rows.map(preferenceRow)));
  const learn = (name: string, reference: 'base' | 'initial', hooks: TrainHooks = {}) =>
    trainModel(
      {
        ...unvalidated,
        trainFile,
        initialAdapterDir: first.outputDir,
        outputDir: join(folder, `${name}-adapter`),
        checkpointDir: join(folder, `${name}-checkpoints`),
        checkpointEverySteps: 1,
        objective: { kind: 'dpo', reference },
        parameters,
      },
      hooks,
      { graphs },
    );
  const steps: Record<string, StepReport[]> = { initial: [], base: [] };
  const whole = await learn('initial', 'initial', { onStep: (step) => steps['initial']!.push(step) });
  await learn('base', 'base', { onStep: (step) => steps['base']!.push(step) });
  expect(steps['initial']![0]!.loss).toBeCloseTo(Math.LN2, 5);
  expect(Math.abs(steps['base']![0]!.loss - Math.LN2)).toBeGreaterThan(1e-3);
  expect(steps['initial']!.at(-1)!.loss).toBeLessThan(Math.LN2);

  const stop = new AbortController();
  const onStep = ({ step }: StepReport) => step === 2 && stop.abort(new Error('killed'));
  await expect(
    learn('resumed', 'initial', { signal: stop.signal, onStep: (step) => void onStep(step) }),
  ).rejects.toThrow('killed');
  const resumed = await learn('resumed', 'initial');
  expect(resumed.resumedFrom).not.toBeNull();
  expect(resumed.sha256).toBe(whole.sha256);
  await rm(folder, { recursive: true });
});

it('R8: DPO on collected pairs starts at ln 2, and the margin grows', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-preferences-'));
  await writeTinyModel(folder);
  const learner = new PreferenceLearner();
  const rows = (count: number, seed: number) =>
    tinyRows(count, seed)
      .flatMap(
        ({ prompt, completion }) =>
          learner.collectPreferences(prompt, [completion, `${completion} m`, 'm m m'], [100, 60, 0], 'erd').pairs,
      )
      .map(preferenceRow);
  const trainFile = join(folder, 'pairs.jsonl');
  const validationFile = join(folder, 'pairs-validation.jsonl');
  await writeFile(trainFile, jsonLines(rows(6, 1)));
  await writeFile(validationFile, jsonLines(rows(3, 2)));

  const base = tinySpec(folder);
  const steps: StepReport[] = [];
  await trainModel(
    {
      ...base,
      trainFile,
      validationFile,
      outputDir: join(folder, 'adapter'),
      checkpointDir: join(folder, 'checkpoints'),
      objective: { kind: 'dpo' },
      parameters: { ...base.parameters, learningRate: 0.02, numEpochs: 4, loraDropout: 0 },
    },
    { onStep: (step) => steps.push(step) },
    { graphs: new CompileCache(200, { threads: 1 }) },
  );
  await rm(folder, { recursive: true });
  const [first, last] = [steps[0]!, steps.at(-1)!];
  expect(first.loss).toBeCloseTo(Math.LN2, 5);
  expect(Math.abs(first.measures!['margin']!)).toBeLessThan(1e-5);
  expect(last.measures!['margin']).toBeGreaterThan(0.01);
  expect(last.loss).toBeLessThan(first.loss);
});
