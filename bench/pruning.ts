/**
 * What pruning saves and costs: LoRA trainings of `models/base` with parameters drawn at random, each to its end, and the
 * same trials under each pruner. A training that a pruner stops is the beginning of the whole one (its schedule is that of
 * nine epochs), so that each is computed once; those of `asha` have schedules of their own. The best of many trials is also
 * the luckiest, so what is compared is the mean of its parameters over other training seeds, in units of the standard
 * deviation of one.
 * `node dist/bench/pruning.js [--json] [--studies 5] [--from 1] [--trials 27]`; with --json also the curves.
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
import { nextParts } from '../learning/tuning/asynchronous-halving.js';
import { bestTrial, createStudy, finishTrial, reportValue } from '../learning/tuning/study.js';
import { createDefaultSampler } from '../learning/tuning/default-sampler.js';
import { createRandomSampler } from '../learning/tuning/random-sampler.js';
import type { Sampler } from '../learning/tuning/sampler.js';
import { defaultParameters, type ParameterValues, type SearchSpace } from '../learning/tuning/search-space.js';
import { PRUNERS } from '../learning/tuning/methods.js';
import type { Pruner } from '../learning/tuning/pruner.js';
import { createSuccessiveHalvingPruner } from '../learning/tuning/successive-halving-pruner.js';
import { taskRows } from './shared-training.js';

const number = (standard: number) => ({ type: 'string', default: String(standard) }) as const;
const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, studies: number(5), from: number(1), trials: number(27) },
});
const [STUDIES, FROM, TRIALS] = [Number(flags.studies), Number(flags.from), Number(flags.trials)];
const EPOCHS = 9;
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
const DEFAULTS = { ...defaultParameters(training), gradientAccumulationSteps: 1 };

/** Every trial is to train for all epochs; only halving trains it for fewer first. */
const inFull = ({ name, suggest }: Sampler): Sampler => ({
  name,
  suggest: (...asked) => ({ ...suggest(...asked), numEpochs: EPOCHS }),
});

/** The loop's pruners, and successive halving that keeps fewer. */
const COMPARED: Record<string, () => Pruner> = {
  median: PRUNERS.median,
  hyperband: PRUNERS.hyperband,
  'halving by 2': PRUNERS['successive-halving'],
  'halving by 3': () => createSuccessiveHalvingPruner({ leastResource: 1, reductionFactor: 3 }),
  'halving by 4': () => createSuccessiveHalvingPruner({ leastResource: 1 }),
};

interface StudyFigures {
  study: number;
  full: Found;
  pruners: Record<string, Found & { /** Epochs trained, as a share of those without pruning. */ share: number }>;
  /** Validation loss of every trial after every epoch, in nats a token. */
  curves: number[][];
}

/** The best trial of a search: its validation loss, and those of its parameters with other training seeds. */
interface Found {
  best: number;
  again: number[];
}

/** Short trainings, and the best of them anew: with the trials of the others, and with those of the loop's sampler. */
const PROMOTING: Record<string, () => Sampler> = {
  asha: createRandomSampler,
  'asha, not random': createDefaultSampler,
};

const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-pruning-'));
const engine = createEngine();
try {
  const figures: StudyFigures[] = [];
  for (let study = FROM; study < FROM + STUDIES; study++) {
    figures.push(await playStudy(study));
    process.stdout.write(flags.json ? `${JSON.stringify(figures.at(-1))}\n` : `${line(figures.at(-1)!)}\n`);
  }
  if (!flags.json)
    for (const name of Object.keys({ ...COMPARED, ...PROMOTING })) process.stdout.write(`${summary(name, figures)}\n`);
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
    sampler: inFull(createRandomSampler()),
    defaults: {},
  } as const;
  const full = await new HyperparameterOptimizer(search).optimize(async (parameters) => {
    const curve = await trainCurve(parameters, study);
    curves.set(JSON.stringify(parameters), curve);
    return curve.at(-1)!;
  }, TRIALS);

  const seen = new Map<string, number[]>();
  const trainAgain = async (parameters: ParameterValues): Promise<number[]> => {
    const key = JSON.stringify(parameters);
    const again = seen.get(key) ?? [];
    for (let seed = again.length + 1; seed <= NOISE_SEEDS; seed++)
      again.push((await trainCurve(parameters, 1000 * study + seed)).at(-1)!);
    seen.set(key, again);
    return again;
  };
  const pruners: StudyFigures['pruners'] = {};
  for (const [name, create] of Object.entries(COMPARED)) {
    let epochs = 0;
    const { bestScore, bestParams } = await new HyperparameterOptimizer({ ...search, pruner: create() }).optimize(
      async (parameters, trial) => {
        const curve = curves.get(JSON.stringify(parameters))!;
        for (const [place, loss] of curve.entries()) {
          epochs++;
          if (place + 1 < EPOCHS && (await trial.report(place + 1, loss))) throw new TrialPruned();
        }
        return curve.at(-1)!;
      },
      TRIALS,
    );
    pruners[name] = {
      best: bestScore!,
      again: await trainAgain(bestParams),
      share: epochs / (TRIALS * EPOCHS),
    };
  }
  const trainPart = async (parameters: ParameterValues): Promise<number> =>
    (curves.get(JSON.stringify(parameters)) ?? (await trainCurve(parameters, study))).at(-1)!;
  for (const [name, sampler] of Object.entries(PROMOTING)) {
    const halved = await halve(study, inFull(sampler()), trainPart);
    pruners[name] = { ...halved, again: await trainAgain(halved.parameters) };
  }
  return {
    study,
    full: { best: full.bestScore!, again: await trainAgain(full.bestParams) },
    pruners,
    curves: [...curves.values()],
  };
}

/** As many trials with promotions; a random sampler draws those of the other searches. */
async function halve(
  seed: number,
  sampler: Sampler,
  train: (parameters: ParameterValues) => Promise<number>,
): Promise<{ best: number; share: number; parameters: ParameterValues }> {
  let study = createStudy({ name: 'all', space: SPACE, direction: 'minimize', seed });
  let trained = 0;
  for (;;) {
    const next = nextParts({ study, queue: [] }, sampler, { trials: TRIALS, count: 1 });
    study = next.study;
    const [part] = next.parts;
    if (part === undefined) break;
    const { number: trial, waits, parameters } = part;
    const epochs = parameters.numEpochs!;
    trained += epochs;
    const value = await train(parameters);
    study = finishTrial(reportValue(study, trial, epochs, value), trial, waits ? 'pruned' : { value });
  }
  const best = bestTrial(study)!;
  return { best: best.value!, share: trained / (TRIALS * EPOCHS), parameters: best.parameters };
}

function line({ study, full, pruners }: StudyFigures): string {
  const each = Object.entries(pruners).map(
    ([name, { again, share }]) => `${name} ${mean(again).toFixed(4)} for ${(100 * share).toFixed(0)} %`,
  );
  const noise = standardDeviation(full.again).toFixed(4);
  return `study ${study}: ${mean(full.again).toFixed(4)} (± ${noise}) in full; ${each.join(', ')}`;
}

function summary(name: string, figures: readonly StudyFigures[]): string {
  const worse = figures.map(
    ({ full, pruners }) => (mean(pruners[name]!.again) - mean(full.again)) / standardDeviation(full.again),
  );
  const share = mean(figures.map(({ pruners }) => pruners[name]!.share));
  return (
    `${name}: ${(100 * share).toFixed(1)} % of the epochs; its best is worse by ${mean(worse).toFixed(2)} standard deviations ` +
    `of the training seed (at most ${Math.max(...worse).toFixed(2)})`
  );
}
