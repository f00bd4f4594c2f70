/**
 * What pruning saves and costs: LoRA trainings of `models/base` with parameters drawn at random, each to its end, and the
 * same trials judged by successive halving at 1 and 3 of 9 epochs. A pruned training is the beginning of the whole one (its
 * schedule is that of nine epochs), so that each is computed once. The noise is that of the best parameters over other
 * training seeds. `node dist/bench/pruning.js [--json] [--studies 5] [--from 1] [--trials 27]`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LoopConfig } from '../config/loop.js';
import { createEngine } from '../engine/index.js';
import { mean, standardDeviation } from '../learning/statistics/descriptive.js';
import { HyperparameterOptimizer, TrialPruned } from '../learning/tuning/hyperparameter-optimizer.js';
import { createRandomSampler } from '../learning/tuning/random-sampler.js';
import { defaultParameters, type ParameterValues, type SearchSpace } from '../learning/tuning/search-space.js';
import { createSuccessiveHalvingPruner } from '../learning/tuning/successive-halving-pruner.js';
import { taskRows } from './shared-training.js';

const number = (standard: number) => ({ type: 'string', default: String(standard) }) as const;
const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, studies: number(5), from: number(1), trials: number(27) },
});
const [STUDIES, FROM, TRIALS] = [Number(flags.studies), Number(flags.from), Number(flags.trials)];
const EPOCHS = 9;
const REDUCTION = 3;
const ROWS = { train: 128, validation: 64 };
/** Trainings of the best parameters with other seeds. */
const NOISE_SEEDS = 5;
const MODEL = fileURLToPath(new URL('../../models/base', import.meta.url));
const SPACE: SearchSpace = {
  learningRate: { low: 1e-4, high: 3e-2, scale: 'log', integer: false },
  warmupRatio: { low: 0, high: 0.2, scale: 'linear', integer: false },
  loraRank: { low: 4, high: 32, scale: 'log', integer: true },
  loraAlpha: { low: 8, high: 64, scale: 'log', integer: false },
};
const { training } = LoopConfig.parse({ training: { targetModules: 'all-linear', batchSize: 8, loraDropout: 0 } });
const DEFAULTS = { ...defaultParameters(training), gradientAccumulationSteps: 1, numEpochs: EPOCHS };

interface StudyFigures {
  study: number;
  /** Validation losses (nats a token). */
  fullBest: number;
  prunedBest: number;
  /** Standard deviation of the best parameters' loss over training seeds. */
  noise: number;
  /** Epochs trained with pruning, as a share of those without. */
  share: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-pruning-'));
const engine = createEngine();
try {
  const figures: StudyFigures[] = [];
  for (let study = FROM; study < FROM + STUDIES; study++) {
    figures.push(await playStudy(study));
    process.stdout.write(flags.json ? `${JSON.stringify(figures.at(-1))}\n` : `${line(figures.at(-1)!)}\n`);
  }
  const worse = figures.map(({ fullBest, prunedBest, noise }) => (prunedBest - fullBest) / noise);
  const share = mean(figures.map((each) => each.share));
  if (!flags.json)
    process.stdout.write(
      `${TRIALS} trials: the best with pruning is worse by ${mean(worse).toFixed(2)} standard deviations of the training seed ` +
        `(at most ${Math.max(...worse).toFixed(2)}), for ${(100 * share).toFixed(1)} % of the epochs\n`,
    );
} finally {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
}

async function playStudy(study: number): Promise<StudyFigures> {
  const files = {
    train: path.join(folder, `${study}-train.jsonl`),
    validation: path.join(folder, `${study}-valid.jsonl`),
  };
  for (const [split, file] of [
    ['pool', files.train],
    ['validation', files.validation],
  ] as const) {
    const rows = taskRows(study, split, split === 'pool' ? ROWS.train : ROWS.validation);
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  let runs = 0;
  const trainCurve = async (parameters: ParameterValues, seed: number): Promise<number[]> => {
    const run = path.join(folder, `${study}-${runs++}`);
    const curve: number[] = [];
    await engine.train(
      {
        modelDir: MODEL,
        strategy: 'lora',
        trainFile: files.train,
        validationFile: files.validation,
        outputDir: path.join(run, 'model'),
        checkpointDir: path.join(run, 'checkpoints'),
        checkpointEverySteps: Number.MAX_SAFE_INTEGER,
        seed,
        parameters: { ...DEFAULTS, ...parameters, targetModules: training.targetModules },
      },
      { onValidation: ({ loss }) => curve.push(loss) },
    );
    rmSync(run, { recursive: true });
    return curve;
  };

  const curves = new Map<string, number[]>();
  const search = {
    space: SPACE,
    direction: 'minimize',
    seed: study,
    sampler: createRandomSampler(),
    defaults: {},
  } as const;
  const full = await new HyperparameterOptimizer(search).optimize(async (parameters) => {
    const curve = await trainCurve(parameters, study);
    curves.set(JSON.stringify(parameters), curve);
    return curve.at(-1)!;
  }, TRIALS);

  let epochs = 0;
  const pruner = createSuccessiveHalvingPruner({ leastResource: 1, reductionFactor: REDUCTION });
  const pruned = await new HyperparameterOptimizer({ ...search, pruner }).optimize(async (parameters, trial) => {
    const curve = curves.get(JSON.stringify(parameters))!;
    for (const [place, loss] of curve.entries()) {
      epochs++;
      if (place + 1 < EPOCHS && (await trial.report(place + 1, loss))) throw new TrialPruned();
    }
    return curve.at(-1)!;
  }, TRIALS);

  const again: number[] = [];
  for (let seed = 1; seed <= NOISE_SEEDS; seed++)
    again.push((await trainCurve(full.bestParams, 1000 * study + seed)).at(-1)!);
  return {
    study,
    fullBest: full.bestScore!,
    prunedBest: pruned.bestScore!,
    noise: standardDeviation(again),
    share: epochs / (TRIALS * EPOCHS),
  };
}

function line({ study, fullBest, prunedBest, noise, share }: StudyFigures): string {
  return `study ${study}: ${fullBest.toFixed(4)} in full, ${prunedBest.toFixed(4)} pruned (± ${noise.toFixed(4)}), ${(100 * share).toFixed(1)} % of the epochs`;
}
