import { rm } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { Context } from '@temporalio/activity';
import type { ArmResult, ArmRound, ArmScore } from '../../config/claims.js';
import type {
  ArtifactRef,
  CurriculumState,
  EvaluationRow,
  ExampleRow,
  RequestScoreRow,
  SelectionRow,
  TrainingParameters,
} from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { conventionAt, formatPrompt, renameIdentifiers, paraphrase, scoreByConvention } from '../../datasets/index.js';
import { stream } from '../../config/random.js';
import { mean } from '../../learning/statistics/descriptive.js';
import { preferenceTraining } from '../../learning/preference/preference-training.js';
import { bestOrDefault } from '../../learning/tuning/best-or-default.js';
import { SAMPLERS } from '../../learning/tuning/methods.js';
import { planStudy, proposeTrials } from '../../learning/tuning/plan-study.js';
import { finishTrial } from '../../learning/tuning/study.js';
import { modelFolders, roundFolder, RoundFiles } from '../dependencies.js';
import { MAX_NEW_TOKENS } from '../feedback.js';
import type { CpuActivities, GpuActivities, RoundKey } from '../interfaces.js';
import type { ModelReference } from '../loop-state.js';
import type { ComputeMeter } from './compute-meter.js';
import { readState, stateFile, writeState } from './result-files.js';

/** Requests of the validation split that only measure: promotion and stopping look at block 0. */
const MEASURING_BLOCK = 1;
/** Difficulty from which a request counts as hard. */
const HARD = 0.65;

export interface ArmDependencies {
  dataFolder: string;
  engine: ComputeMeter;
  cpu: CpuActivities;
  /** Over the same engine. */
  gpu: GpuActivities;
}

export interface ArmPlan extends Pick<ArmResult, 'key' | 'tier' | 'arm' | 'seed'> {
  /** Hash of the loop without its number of rounds: arms that differ in nothing else share what they played. */
  run: string;
  /** Its name is the folder of the run's files. */
  config: LoopConfig;
  /** Null: as many epochs as the configuration says. */
  rowVisitsPerLabel: number | null;
}

/** Where an arm stands after a round; small, and kept in a file so that a killed run goes on with the next round. */
interface ArmState {
  base: ArmScore;
  baseTest: ArmScore;
  rounds: ArmRound[];
  champion: ModelReference | null;
  validation: EvaluationRow[];
  curriculum: CurriculumState;
  earlierRef: ArtifactRef | null;
  /** Tuned parameters and their losses, best first. */
  tuned: Partial<TrainingParameters>[];
  loadAtStart: number;
}

/**
 * Plays the nine stages for as many rounds as the configuration says, on simulated users, over the same activities as the
 * loop's workflow but without the store. All arms of a seed get the same requests, the same annotator, the same number of
 * row visits per label, and the same draws where they draw from the same: the events' ids do not know the arm. The test
 * split is looked at once before and once after; what measures the rounds is another block of the validation split than
 * the one that promotion and early stopping look at. What it played stays, for an arm that goes on with it, until
 * {@link forgetRun}.
 */
export async function playArm(deps: ArmDependencies, plan: ArmPlan): Promise<ArmResult> {
  const { config } = plan;
  const file = stateFile(plan.run);
  let state = await readState<ArmState>(deps.dataFolder, file);
  // A longer arm's model has learned from labels that this one may not see.
  if (state === null || state.rounds.length > config.rounds) state = await begin(deps, config);
  while (state.rounds.length < config.rounds) {
    state = await playRound(deps, plan, state);
    await writeState(deps.dataFolder, file, state);
  }
  const key = { loop: config.name, round: config.rounds };
  const { rows, scoresRef } = await deps.gpu.evaluateModel({ key, config, model: state.champion, split: 'test' });
  const files = new RoundFiles(deps.dataFolder);
  return {
    key: plan.key,
    tier: plan.tier,
    arm: plan.arm,
    seed: plan.seed,
    base: state.base,
    baseTest: state.baseTest,
    rounds: state.rounds,
    test: scoreOf(rows),
    ...(await reword(deps, plan, state.champion, await files.read<RequestScoreRow>(scoresRef!))),
    byType: Object.fromEntries(
      rows.filter((row) => row.artifactType !== 'all').map((row) => [row.artifactType, row.score]),
    ),
    machine: { cpus: availableParallelism(), loadAtStart: state.loadAtStart, loadAtEnd: loadavg()[0]! },
  };
}

/** Removes the files of a run that is over, or is to begin anew. */
export async function forgetRun(dataFolder: string, { run, config }: ArmPlan): Promise<void> {
  const files = new RoundFiles(dataFolder);
  await rm(files.path(`loops/${config.name}`), { recursive: true, force: true });
  await rm(files.path(stateFile(run)), { force: true });
}

async function begin({ gpu }: ArmDependencies, config: LoopConfig): Promise<ArmState> {
  const key = { loop: config.name, round: 0 };
  const ask = (split: 'test' | 'validation', block: number) =>
    gpu.evaluateModel({ key, config, model: null, split, block });
  return {
    base: scoreOf((await ask('validation', MEASURING_BLOCK)).rows),
    baseTest: scoreOf((await ask('test', 0)).rows),
    rounds: [],
    champion: null,
    validation: config.components.tracking ? (await ask('validation', 0)).rows : [],
    curriculum: { stage: config.components.curriculum ? 'easy' : 'mixed', streak: 0, history: [] },
    earlierRef: null,
    tuned: [],
    loadAtStart: loadavg()[0]!,
  };
}

async function playRound(deps: ArmDependencies, plan: ArmPlan, state: ArmState): Promise<ArmState> {
  const { cpu, gpu, engine } = deps;
  const { config } = plan;
  const { components } = config;
  const files = new RoundFiles(deps.dataFolder);
  const round = state.rounds.length + 1;
  const key: RoundKey = { loop: config.name, round };
  const before = state.rounds.at(-1);
  const { champion, earlierRef, curriculum } = state;

  // The users' side: it would be the same with any loop behind it.
  const requestsRef = await cpu.simulateRequests({ key, config });
  const answersRef = await gpu.answerRequests({ key, config, champion, requestsRef });
  const users = `claims-${config.seed}`;
  const feedbackRef = await cpu.simulateFeedback({ key, config, requestsRef, answersRef, users });

  const started = performance.now();
  const counted = engine.operations;
  const rewardsRef = await cpu.scoreRewards({ key, config, feedbackRef });
  const curriculumRef = await cpu.organizeCurriculum({ key, config, feedbackRef, rewardsRef, curriculum });
  const selected = await cpu.selectExamples({
    key,
    config,
    feedbackRef,
    rewardsRef,
    curriculumRef,
    answersRef,
    earlierExamplesRef: earlierRef,
  });
  const examplesRef = await cpu.augmentExamples({
    key,
    config,
    examplesRef: selected.examplesRef,
    earlierExamplesRef: earlierRef,
  });
  // What is chosen is shown to the annotator and costs a label, whether he corrects it or finds it right.
  const selection = await files.read<SelectionRow>(selected.selectionRef);
  const chosen = new Set(selection.filter((row) => row.selected).map((row) => row.eventId));
  const labels = (before?.labels ?? 0) + chosen.size;
  const batches = await cpu.assembleBatches({ key, config, examplesRef, earlierExamplesRef: earlierRef, curriculum });
  const labelled = (await files.read<ExampleRow>(selected.examplesRef)).filter((row) => chosen.has(row.eventId));
  const next: ArmState = {
    ...state,
    earlierRef: await append(files, key, earlierRef, examplesRef),
  };
  const result: ArmRound = {
    ...(before ?? { ...state.base, steps: 0, rowVisits: 0, seconds: 0, operations: 0 }),
    round,
    labels,
    trained: batches.ready,
    promoted: false,
    reason: batches.reason,
    hardShare: labelled.length === 0 ? null : mean(labelled.map((row) => (row.difficulty >= HARD ? 1 : 0))),
  };
  if (batches.ready) {
    const usual = await cpu.chooseParameters({ key, config, stored: null });
    const planWith = (parameters: TrainingParameters) =>
      cpu.planTraining({
        key,
        config,
        batchesRef: batches.batchesRef,
        examplesRef,
        earlierExamplesRef: earlierRef,
        parameters,
        champion,
      });
    const trainingPlan = await planWith(usual);
    // Arms with more rows pass over them less often: every arm trains on as many rows, counted with repeats.
    const perLabel = plan.rowVisitsPerLabel;
    const fixed = perLabel === null ? usual : { ...usual, numEpochs: (perLabel * labels) / trainingPlan.planRef.rows };
    const search = components.tuning
      ? await tune(deps, key, plan, { plan: trainingPlan, current: fixed, state })
      : null;
    const parameters = search?.parameters ?? fixed;
    const trained = await gpu.trainModel({ key, config, ...trainingPlan, parameters, outputName: `round-${round}` });
    result.rowVisits += (search?.rowVisits ?? 0) + rowVisits(trained.run.steps, parameters);
    result.steps += trained.run.steps;
    const known = { key, config, feedbackRef, rewardsRef, examplesRef, earlierExamplesRef: earlierRef, champion };
    const preferred = components.preferenceLearning
      ? await learnPreferences(deps, known, trained.model, parameters)
      : null;
    result.rowVisits += preferred?.rowVisits ?? 0;
    const model = preferred?.model ?? trained.model;
    const validation = components.tracking
      ? (await gpu.evaluateModel({ key, config, model, split: 'validation' })).rows
      : [];
    const verdict = components.tracking ? {} : { verdict: { promote: true, reason: 'the newest model is used' } };
    const tracked = await cpu.trackRound({
      key,
      config,
      before: state.validation,
      after: validation,
      ...verdict,
      curriculum,
      feedbackRef,
      curriculumRef,
    });
    next.curriculum = tracked.curriculum;
    next.tuned = [...(search === null ? [] : [parameters]), ...state.tuned];
    Object.assign(result, { promoted: tracked.promote, reason: tracked.reason });
    if (tracked.promote) Object.assign(next, { champion: model, validation });
  }
  result.seconds += (performance.now() - started) / 1000;
  if (result.operations !== undefined) result.operations += engine.operations - counted;

  if (result.promoted) {
    const measured = await gpu.evaluateModel({
      key,
      config,
      model: next.champion,
      split: 'validation',
      block: MEASURING_BLOCK,
    });
    Object.assign(result, scoreOf(measured.rows));
  }
  next.rounds = [...state.rounds, result];
  return next;
}

/** The tuning stage, its study in memory: every trial runs to its end, and its rows count as the arm's. */
async function tune(
  { gpu }: ArmDependencies,
  key: RoundKey,
  { config }: ArmPlan,
  {
    plan: { planRef, validationRef, initialModel },
    current,
    state,
  }: { plan: Awaited<ReturnType<CpuActivities['planTraining']>>; current: TrainingParameters; state: ArmState },
): Promise<{ parameters: TrainingParameters; rowVisits: number } | null> {
  if (validationRef === null) return null;
  const { trials, sampler, space, warmStart } = config.tuning;
  const earlier = state.tuned.slice(0, warmStart);
  const planned = planStudy({
    name: roundFolder(key),
    seed: config.seed,
    current,
    earlier,
    ranges: space,
    newAdapter: initialModel === null,
  });
  let { study } = planned;
  const finished: { id: string; parameters: Partial<TrainingParameters>; score: number }[] = [];
  let visits = 0;
  for (let number = 0; number < trials; number++) {
    const proposed = proposeTrials({ ...planned, study }, SAMPLERS[sampler](), 1);
    // The passes over the rows are the budget's, not the search's.
    const parameters = { ...current, ...proposed.parameters[0], numEpochs: current.numEpochs };
    const input = { key, config, planRef, validationRef, parameters, initialModel, number, untilEpoch: null };
    const { loss } = await gpu.trainTrial(input);
    visits += planRef.rows * current.numEpochs;
    study = finishTrial(proposed.study, number, loss === null ? 'failed' : { value: loss });
    if (loss !== null) finished.push({ id: `${number}`, parameters, score: -loss });
  }
  return { parameters: bestOrDefault(finished, current).parameters, rowVisits: visits };
}

/** Preference learning after a round's training; both answers of a pair count as rows. Null where pairs are too few. */
async function learnPreferences(
  { cpu, gpu }: ArmDependencies,
  round: Parameters<GpuActivities['sampleAnswers']>[0] & { rewardsRef: ArtifactRef },
  initialModel: ModelReference,
  trainedWith: TrainingParameters,
): Promise<{ model: ModelReference; rowVisits: number } | null> {
  const { key, config } = round;
  const samplesRef = config.preference.inputs === 0 ? null : await gpu.sampleAnswers(round);
  const { pairsRef, ready } = await cpu.collectPreferences({ ...round, samplesRef });
  if (!ready) return null;
  const { objective, parameters } = preferenceTraining(config.preference, trainedWith);
  const input = { key, config, planRef: pairsRef, validationRef: null, parameters, initialModel, objective };
  const { model, run } = await gpu.trainModel({ ...input, outputName: `round-${key.round}-preference` });
  return { model, rowVisits: 2 * rowVisits(run.steps, parameters) };
}

function rowVisits(steps: number, parameters: TrainingParameters): number {
  return steps * parameters.batchSize * parameters.gradientAccumulationSteps;
}

async function append(
  files: RoundFiles,
  key: RoundKey,
  earlierRef: ArtifactRef | null,
  examplesRef: ArtifactRef,
): Promise<ArtifactRef> {
  const earlier = earlierRef === null ? [] : await files.read<ExampleRow>(earlierRef);
  return files.write(key, 'known-examples', [...earlier, ...(await files.read<ExampleRow>(examplesRef))]);
}

function scoreOf(rows: readonly EvaluationRow[]): ArmScore {
  const { score, successRate, edgeSuccessRate } = rows.find((row) => row.artifactType === 'all')!;
  return { score, successRate, edgeSuccessRate };
}

/** Half of the test requests with other names and another wording: the score on them, and what they lose by it. */
async function reword(
  { engine, dataFolder }: ArmDependencies,
  { config, seed }: ArmPlan,
  model: ModelReference | null,
  scores: readonly RequestScoreRow[],
): Promise<Pick<ArmResult, 'rewordedScore' | 'robustnessDrop'>> {
  const random = stream(seed, 'claims', 'robustness');
  const changed = scores.slice(0, Math.ceil(scores.length / 2)).map(({ artifactType, input, score }) => {
    const renamed = renameIdentifiers(artifactType, input, '', random).specification;
    return { artifactType, score, specification: paraphrase(artifactType, renamed, random) };
  });
  const context = Context.current();
  const generations = await engine.generate(
    {
      ...modelFolders(config, new RoundFiles(dataFolder), model),
      prompts: changed.map((row) => formatPrompt(row.artifactType, row.specification)),
      maxNewTokens: MAX_NEW_TOKENS,
      temperature: 0,
    },
    { signal: context.cancellationSignal, onProgress: (done, total) => context.heartbeat({ done, total }) },
  );
  const convention = conventionAt(config.simulatedUsers);
  const after = changed.map((row, place) =>
    scoreByConvention(convention, row.artifactType, row.specification, generations[place]!.text),
  );
  const rewordedScore = mean(after);
  return { rewordedScore, robustnessDrop: mean(changed.map((row) => row.score)) - rewordedScore };
}
