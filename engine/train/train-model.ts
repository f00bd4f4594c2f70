import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRatchetError, RatchetError } from '../../config/errors.js';
import type { HostTensor, TrainHooks, TrainResult, TrainSpec, UnfitRow } from '../api.js';
import { loadChatTemplate } from '../chat/load-chat-template.js';
import type { SelectedDevice } from '../devices/index.js';
import { readAdapter } from '../formats/peft.js';
import { createObjective } from '../objectives/create-objective.js';
import type { ModelConfig } from '../nn/config.js';
import { loadModel, type LoadedModel, type LoadOptions } from '../nn/load-model.js';
import { adapterLabels } from '../nn/new-head.js';
import { createSchedule, warmupSteps } from '../optim/schedules/create-schedule.js';
import { loraFromPeft } from '../peft/from-peft.js';
import { createLora, type LoraAdapter } from '../peft/lora.js';
import { loadQuantizedModel, type QuantizedModel } from '../quantization/load-quantized-model.js';
import { dequantizeModel } from '../quantization/quantized-weight.js';
import type { CompileCache } from '../trace/index.js';
import { loadTokenizer } from '../tokenizer/tokenizer.js';
import { planEpoch, planValidation, stepsPerEpoch, type BatchPlan } from './batch-plan.js';
import { markBest } from './checkpoint.js';
import type { MicroBatch } from './loss.js';
import { refuseTooLarge } from './memory-check.js';
import { meanLoss, overfitWarning } from './overfit-watch.js';
import { resumeRun, saveRun, startState, type BestWeights } from './run-state.js';
import { ownRows, saveSegment, segmentSeed, startSegment } from './segment.js';
import { specHash } from './spec-hash.js';
import { TrainStep } from './step.js';
import { longestOf, noteReferences, objectiveOf, rowSource, type LoadedRows } from './row-source.js';
import type { TokenRow } from './training-rows.js';
import { storedResult, writeOutput } from './training-output.js';

export interface TrainRuntime {
  /** Threads of onnxruntime; all cores when left out. */
  threads?: number;
  /** Compiled graphs to share between runs: a second run of the same model and shapes compiles nothing. */
  graphs?: CompileCache;
  /** Where `graphs` run, for the result; the cpu when left out. */
  device?: SelectedDevice;
}

/**
 * Trains an adapter or a whole model as `spec` says. The result is a function of the spec and the files it names: a run
 * that was stopped anywhere and started again writes the same bits. A finished run is not repeated.
 *
 * @throws RatchetError `E_DATA_INVALID`, `E_MODEL_INVALID`, `E_CONFIG_INVALID`, `E_NUMERIC` naming the step,
 *   `E_OUT_OF_MEMORY`, `E_DISK_FULL`; the signal's reason when aborted, once it had begun to step after a checkpoint was
 *   saved
 */
export async function trainModel(
  spec: TrainSpec,
  hooks: TrainHooks = {},
  runtime: TrainRuntime = {},
): Promise<TrainResult> {
  hooks.signal?.throwIfAborted();
  const started = performance.now();
  const hash = await specHash(spec);
  const stored = await storedResult(spec, hash);
  if (stored) return stored;
  const { trainer, config, adapter, train, validation, truncated, unsupervised, unfit, plan } = await prepare(
    spec,
    runtime,
    hooks.signal,
  );
  const checkpoints = join(spec.checkpointDir, `run-${hash.slice(0, 12)}`);
  let newestStep: number | null = null;
  try {
    const resumed = await resumeRun(checkpoints, hash, trainer);
    const state = resumed?.state ?? (await startSegment(spec.segment, trainer, startState(hash)));
    const resumedFrom = resumed ? state.step : null;
    for (const done of state.validations) hooks.onValidation?.(done);
    // Its run may have ended between saving it and telling so.
    if (resumed) hooks.onCheckpoint?.(resumed.checkpoint);
    newestStep = resumedFrom;
    let best: BestWeights | null = resumed?.best ?? null;
    const { parameters, patience } = spec;
    const epochSteps = stepsPerEpoch(train.length, plan);
    const totalSteps = parameters.maxSteps ?? Math.max(1, Math.ceil(epochSteps * parameters.numEpochs - 1e-9));
    const schedule = createSchedule(parameters.schedule ?? 'linear', {
      learningRate: parameters.learningRate,
      totalSteps,
      warmupSteps: warmupSteps(totalSteps, parameters.warmupRatio),
    });
    if (state.schedule !== null) schedule.setState(state.schedule);
    const end = spec.segment?.to ?? totalSteps;
    const save = async () => {
      refuseDamaged(trainer);
      state.schedule = schedule.getState();
      const checkpoint = await saveRun(checkpoints, state, trainer, best, hooks.beforeWrite);
      newestStep = state.step;
      hooks.onCheckpoint?.(checkpoint);
    };
    const validationBatches = planValidation(validation, plan);
    let epochPlan: { epoch: number; steps: MicroBatch[][] } = { epoch: -1, steps: [] };
    let stoppedEarly = false;

    for (;;) {
      if (hooks.signal?.aborted) {
        await save();
        hooks.signal.throwIfAborted();
      }
      const validationSteps = spec.validateEverySteps ?? epochSteps;
      const due = state.step > 0 && (state.step % validationSteps === 0 || state.step === end);
      if (due && validationBatches.length > 0 && state.validations.at(-1)?.step !== state.step) {
        const loss = await validate(trainer, validationBatches, hooks.signal);
        if (loss === null) continue;
        state.validations.push({ step: state.step, loss });
        hooks.onValidation?.({ step: state.step, loss });
        if (!state.best || loss < state.best.loss - (spec.minimumImprovement ?? 0)) {
          state.best = { step: state.step, loss };
          state.stale = 0;
          best = copyWeights(trainer);
          // A checkpoint of this step was saved before the step was validated.
          if (newestStep === state.step) {
            await hooks.beforeWrite?.();
            await markBest(checkpoints, state.step);
          }
        } else state.stale++;
        const warning = overfitWarning(state);
        if (warning) {
          state.warnings.push(warning);
          hooks.onWarning?.(warning);
        }
      }
      stoppedEarly = patience !== undefined && state.best !== null && state.stale >= patience;
      if (stoppedEarly || state.step >= end) break;

      const epoch = Math.floor(state.step / epochSteps);
      if (epochPlan.epoch !== epoch) epochPlan = { epoch, steps: planEpoch(train, plan, epoch) };
      const learningRate = schedule.getLearningRate(state.step);
      const stepStarted = performance.now();
      const outcome = await trainer.step(epochPlan.steps[state.step % epochSteps]!, learningRate);
      schedule.observe(state.step, outcome.loss);
      state.step++;
      state.history.push({ loss: outcome.loss, tokens: outcome.tokens });
      const milliseconds = performance.now() - stepStarted;
      const { outputs: _, ...report } = outcome;
      hooks.onStep?.({ ...report, step: state.step, totalSteps, learningRate, milliseconds });
      if (state.step % spec.checkpointEverySteps === 0) await save();
      await nextTurn();
    }

    const restore = patience !== undefined && best !== null && state.best !== null;
    const weights = new Map<string, HostTensor>();
    for (const [name, tensor] of trainer.trainables())
      weights.set(name, restore ? { ...tensor, data: best!.get(name)! } : tensor);
    return await writeOutput(
      spec,
      hash,
      { config, weights, adapter },
      {
        steps: state.step,
        trainLoss: meanLoss(state.history.slice(-epochSteps)),
        validationLoss: (restore ? state.best : state.validations.at(-1))?.loss ?? null,
        bestStep: restore ? state.best!.step : state.step,
        stoppedEarly,
        resumedFrom,
        truncatedRows: truncated,
        unsupervisedRows: unsupervised,
        ...(unfit.length > 0 && { unfitRows: unfit }),
        warnings: state.warnings,
        device: runtime.device?.device ?? 'cpu',
        ...(runtime.device && { deviceReason: runtime.device.why }),
        milliseconds: performance.now() - started,
      },
      {
        ...(hooks.beforeWrite && { beforeWrite: hooks.beforeWrite }),
        ...(spec.segment && {
          add: (folder) => {
            state.schedule = schedule.getState();
            return saveSegment(folder, state, trainer);
          },
        }),
      },
    );
  } catch (error) {
    throw withCheckpoint(error, checkpoints, newestStep);
  } finally {
    await trainer.release();
  }
}

interface Prepared {
  trainer: TrainStep;
  config: ModelConfig;
  adapter: LoraAdapter | null;
  train: TokenRow[];
  validation: TokenRow[];
  truncated: number;
  unsupervised: number;
  unfit: UnfitRow[];
  plan: BatchPlan;
}

async function prepare(spec: TrainSpec, runtime: TrainRuntime, signal?: AbortSignal): Promise<Prepared> {
  const { parameters, strategy, initialAdapterDir } = spec;
  const seed = segmentSeed(spec.seed, spec.segment);
  const labels = spec.newHead?.labels ?? (strategy === 'full' ? null : await adapterLabels(initialAdapterDir));
  const options: LoadOptions = { ...(labels && { newHead: { labels, seed } }), precision: parameters.precision };
  const model: LoadedModel & Partial<QuantizedModel> =
    strategy === 'qlora'
      ? await loadQuantizedModel(spec.modelDir, options)
      : await loadModel(strategy === 'full' ? (initialAdapterDir ?? spec.modelDir) : spec.modelDir, options);
  refuseUnsupported(spec, model.config);
  const tokenizer = await loadTokenizer(spec.modelDir);
  const objective = spec.objective ?? objectiveOf(model.config);
  const source = rowSource(objective, {
    tokenizer,
    config: model.config,
    maxLength: parameters.maxLength,
    template: await loadChatTemplate(spec.modelDir),
  });
  const load = (file: string) => source.load(file, spec.leaveOutUnfitRows);
  const none: LoadedRows = { rows: [], truncated: 0, unsupervised: 0, unfit: [] };
  const train = ownRows(await load(spec.trainFile), spec.segment);
  const validation = spec.validationFile === undefined ? none : await load(spec.validationFile);
  const adapter = strategy === 'full' ? null : await initialAdapter(spec, model);
  refuseTooLarge({
    ...parameters,
    config: model.config,
    strategy,
    objective,
    batchSize: Math.min(parameters.batchSize, train.rows.length),
    longest: train.rows.reduce((most, row) => Math.max(most, longestOf(row)), 0),
    modules: adapter?.modules,
    validates: validation.rows.length > 0,
  });
  const trainer = new TrainStep({
    config: model.config,
    weights: model.weights,
    quantized: model.quantized,
    adapter,
    inPlace: true,
    objective: await createObjective(objective, model.config),
    weightDecay: parameters.weightDecay,
    optimizer: parameters.optimizer,
    decayNormsAndBiases: parameters.decayNormsAndBiases,
    maxGradientNorm: parameters.maxGradientNorm,
    loraPlusRatio: parameters.loraPlusRatio,
    accumulation: parameters.accumulation,
    gradientCheckpointing: parameters.gradientCheckpointing,
    seed,
    ...runtime,
  });
  const plan: BatchPlan = {
    seed,
    batchSize: Math.min(parameters.batchSize, train.rows.length),
    accumulation: parameters.gradientAccumulationSteps,
    shuffleFirstEpoch: spec.shuffleFirstEpoch ?? true,
    maxPositions: model.config.maxPositions,
    pad: source.pad,
    packing: parameters.packing,
    lengthGrouping: parameters.lengthGrouping,
  };
  if (objective.kind === 'dpo')
    try {
      for (const { rows } of [train, validation])
        await noteReferences(rows, plan.batchSize, plan.maxPositions, (batch) => {
          signal?.throwIfAborted();
          return trainer.referenceLogProbabilities(batch, objective.reference);
        });
    } catch (error) {
      await trainer.release();
      throw error;
    }
  const truncated = train.truncated + validation.truncated;
  const unsupervised = train.unsupervised + validation.unsupervised;
  const unfit = [...train.unfit, ...validation.unfit];
  return {
    trainer,
    config: model.config,
    adapter,
    train: train.rows,
    validation: validation.rows,
    truncated,
    unsupervised,
    unfit,
    plan,
  };
}

const isHalved = ({ precision = 'float32' }: TrainSpec['parameters']): boolean => precision !== 'float32';

const refusedPrecision = (why: string) =>
  new RatchetError('E_CONFIG_INVALID', `training.precision: ${why}.`, { hint: 'Leave it out.' });

/** Packing mixes rows, which only the token losses of causal models do not notice. */
function refuseUnsupported(spec: TrainSpec, { kind, architecture }: ModelConfig): void {
  const { parameters, objective } = spec;
  if (spec.newHead && spec.initialAdapterDir !== undefined)
    throw new RatchetError('E_CONFIG_INVALID', 'newHead: what is continued has a head already.', {
      hint: 'Leave newHead or initialAdapterDir out.',
    });
  if (isHalved(parameters) && spec.strategy === 'full')
    throw refusedPrecision('weights that are trained stay in float32');
  if (!parameters.packing) return;
  const refuse = (why: string, hint: string) =>
    new RatchetError('E_CONFIG_INVALID', `training.packing: ${why}.`, { hint });
  if (kind !== 'decoder' || (objective && objective.kind !== 'causal'))
    throw refuse(`the objective ${objective?.kind ?? architecture} compares whole rows`, 'Leave it out.');
  if (parameters.accumulation === 'mean' && parameters.gradientAccumulationSteps > 1)
    throw refuse('accumulation "mean" weighs micro-batches, which packing changes', 'Use accumulation "tokens".');
}

async function initialAdapter(
  spec: TrainSpec,
  { config, weights, newModules, quantized }: LoadedModel & Partial<QuantizedModel>,
): Promise<LoraAdapter> {
  const { loraRank: rank, loraAlpha: alpha, loraDropout: dropout, ...variant } = spec.parameters;
  const continued = spec.initialAdapterDir === undefined ? null : await readAdapter(spec.initialAdapterDir);
  const initialization = continued ? continued.config.initLoraWeights : variant.initialization;
  if (quantized && initialization === 'pissa')
    throw new RatchetError('E_CONFIG_INVALID', 'PiSSA changes the frozen weights, which qlora keeps as NF4.', {
      hint: 'Use strategy lora, or the default initialization.',
    });
  if (initialization === 'pissa' && isHalved(spec.parameters))
    throw refusedPrecision('PiSSA takes its part out of the frozen weights');
  if (!continued) {
    const known = quantized && variant.useDora ? dequantizeModel(config, weights, quantized) : weights;
    const modulesToSave = [...(variant.modulesToSave ?? []), ...(newModules ?? [])];
    return createLora(config, { ...variant, modulesToSave, rank, alpha, dropout }, spec.seed, known);
  }
  const adapter = loraFromPeft(config, continued);
  return { ...adapter, dropout, config: { ...adapter.config, loraDropout: dropout } };
}

/** Mean loss of a scored token; null when aborted on the way. */
async function validate(
  trainer: TrainStep,
  batches: readonly MicroBatch[],
  signal: AbortSignal | undefined,
): Promise<number | null> {
  let lossSum = 0;
  let weight = 0;
  for (const batch of batches) {
    if (signal?.aborted) return null;
    const part = await trainer.evaluate(batch);
    lossSum += part.lossSum;
    weight += part.weight;
    await nextTurn();
  }
  const loss = lossSum / weight;
  if (!Number.isFinite(loss))
    throw new RatchetError('E_NUMERIC', `The validation after step ${trainer.optimizer.updates} has loss ${loss}.`, {
      hint: 'Use a lower learning rate or more warm-up, and check the validation rows.',
    });
  return loss;
}

const copyWeights = (trainer: TrainStep): BestWeights =>
  new Map([...trainer.trainables()].map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)]));

/** A run whose weights are no longer numbers saves nothing, so that the last good checkpoints stay. */
function refuseDamaged(trainer: TrainStep): void {
  for (const [name, { data }] of trainer.trainables())
    if (!(data as Float32Array).every(Number.isFinite))
      throw new RatchetError(
        'E_NUMERIC',
        `Step ${trainer.optimizer.updates}: "${name}" has values that are not finite.`,
        {
          hint: 'Use a lower learning rate or more warm-up, and check the data and weights for extreme values.',
        },
      );
}

/** The same fault, naming the checkpoint that a next run would go on from. */
function withCheckpoint(error: unknown, folder: string, step: number | null): unknown {
  if (!isRatchetError(error) || error.code !== 'E_NUMERIC') return error;
  const kept =
    step === null ? 'No checkpoint was saved before it.' : `The checkpoint of step ${step} is kept in ${folder}.`;
  return new RatchetError('E_NUMERIC', `${error.message} ${kept}`, { hint: error.hint, cause: error });
}
