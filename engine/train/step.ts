import { RatchetError } from '../../config/errors.js';
import { configHash } from '../../config/hash.js';
import type { HostTensor } from '../api.js';
import type { ModelConfig } from '../nn/config.js';
import type { LoadedModel } from '../nn/load-model.js';
import { logits } from '../nn/model.js';
import { clipFactor, globalNorm } from '../optim/clip.js';
import { createOptimizer, type OptimizerName, type OptimizerSpec } from '../optim/create-optimizer.js';
import type { GroupOf, Optimizer } from '../optim/optimizer.js';
import type { LoraAdapter } from '../peft/lora.js';
import { adaptedParameters } from '../peft/adapter-inputs.js';
import { loraPlusGroups } from '../peft/lora-plus.js';
import { frozenWeights } from '../peft/pissa.js';
import { quantizedFeeds } from '../quantization/quantized-linear.js';
import type { QuantizedWeights } from '../quantization/quantized-weight.js';
import { CompileCache, tf, trace, type CacheOptions } from '../trace/index.js';
import { defaultObjective } from '../objectives/default-objective.js';
import { causalObjective } from '../objectives/language-model.js';
import type { Measures, Objective } from '../objectives/objective.js';
import { sequenceFeeds, sequenceLogProbabilities, SEQUENCE_LOG_PROBABILITIES } from '../objectives/preference.js';
import type { MicroBatch } from './loss.js';
import { batchFeeds, gradientName, gradientProgram, hiddenStatesProgram, LOSS, lossProgram } from './program.js';

export type { MicroBatch } from './loss.js';

export interface TrainStepOptions {
  config: ModelConfig;
  weights: ReadonlyMap<string, HostTensor>;
  /** Frozen weights kept as NF4 (QLoRA), instead of those in `weights`. */
  quantized?: QuantizedWeights;
  /** The adapter to train, its tensors are copied; null trains every weight, of a copy unless `inPlace`. */
  adapter: LoraAdapter | null;
  /** Full training changes the given weights themselves: saves a copy of the model. */
  inPlace?: boolean;
  /** What the model's kind is made for, when left out. */
  objective?: Objective;
  weightDecay: number;
  maxGradientNorm: number;
  /** AdamW when left out. */
  optimizer?: OptimizerSpec | OptimizerName;
  /** Parameters with a learning rate or decay of their own. */
  groupOf?: GroupOf;
  /** False exempts vectors and scalars from the decay; true when left out. */
  decayNormsAndBiases?: boolean;
  /** LoRA+ (Hayou et al. 2024): learning rate of B, and of DoRA's magnitudes, as a multiple of A's. */
  loraPlusRatio?: number;
  /**
   * How micro-batches add up: `tokens` divides the sum of the token losses by the scored tokens of all micro-batches,
   * `mean` averages the micro-batches' means. `tokens` when left out.
   */
  accumulation?: 'tokens' | 'mean';
  /** Of the dropout masks. */
  seed?: number;
  /** Threads of onnxruntime; all cores when left out. Of no effect with `graphs`. */
  threads?: number;
  /** Compute each layer again in the backward pass instead of keeping its activations. */
  gradientCheckpointing?: boolean;
  /** Compiled graphs to share with other trainers; its own, freed by `release`, when left out. */
  graphs?: CompileCache;
}

export interface StepResult {
  /** Mean loss of the step before the update; of a language model, the mean negative log likelihood of a scored token. */
  loss: number;
  /** L2 norm over all trainable gradients, before clipping. */
  gradientNorm: number;
  /** Scored tokens. */
  tokens: number;
  /** Means of what the objective reports beside its loss. */
  measures: Measures;
  /** What else the objective computes, of each micro-batch. */
  outputs: Record<string, Float32Array>[];
}

type Program = (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>;

/** Compiled graphs kept at once: about a dozen lengths times a few numbers of scored rows. */
const KEPT_GRAPHS = 48;

/** A cache for the graphs of trainings. */
export const createTrainingGraphs = (options: CacheOptions = {}): CompileCache =>
  new CompileCache(KEPT_GRAPHS, { memoryArena: 'steady', ...options });

/**
 * Trains a model one optimizer step at a time: forward, loss and backward as one compiled graph for each
 * shape, clipping and the optimizer on the results.
 */
export class TrainStep {
  readonly optimizer: Optimizer;
  private readonly trainable = new Map<string, HostTensor>();
  private readonly feeds: Record<string, HostTensor> = {};
  private readonly graphs: CompileCache;
  /** Tells the graphs of different models and adapters apart; weights are fed, so they do not matter. */
  private readonly modelKey: string;
  private readonly objective: Objective;

  constructor(private readonly options: TrainStepOptions) {
    const { weights, adapter } = options;
    const groupOf =
      options.groupOf ?? (adapter ? loraPlusGroups(options.loraPlusRatio, options.config.norm) : undefined);
    this.optimizer = createOptimizer(options.optimizer ?? 'adamw', { ...options, groupOf });
    this.graphs = options.graphs ?? createTrainingGraphs({ threads: options.threads });
    this.objective = options.objective ?? defaultObjective(options.config);
    const mode = options.gradientCheckpointing ? ':checkpointed' : '';
    this.modelKey = `${modelKey(options, adapter)}:${this.objective.key}${mode}`;
    Object.assign(this.feeds, this.objective.constants);
    if (options.quantized) Object.assign(this.feeds, quantizedFeeds(options.quantized));
    for (const [name, tensor] of adapter ? frozenWeights(weights, adapter) : weights) this.feeds[name] = tensor;
    for (const [name, tensor] of adapter ? adapter.tensors : weights) {
      const own = options.inPlace && !adapter;
      const live: HostTensor = own ? tensor : { ...tensor, data: Float32Array.from(tensor.data as Float32Array) };
      this.trainable.set(name, live);
      this.feeds[name] = live;
    }
  }

  /** The live trainable parameters by name (PEFT keys for an adapter); updated in place by each step. */
  trainables(): ReadonlyMap<string, HostTensor> {
    return this.trainable;
  }

  /**
   * One optimizer step over all micro-batches together: by default the loss is the sum of their losses divided by what all of
   * them count (scored tokens, rows, pairs), so that the division into micro-batches does not change the result.
   *
   * @throws RatchetError `E_NUMERIC` when the loss or the gradient is not finite; the parameters are then unchanged
   */
  async step(microBatches: readonly MicroBatch[], learningRate: number): Promise<StepResult> {
    const prepared = microBatches.map((batch) => this.objective.prepare(batch));
    const weight = prepared.reduce((sum, part) => sum + part.weight, 0);
    const scored = prepared.filter((part) => part.weight > 0).length;
    const names = [...this.trainable.keys()];
    const number = this.optimizer.updates + 1;
    const gradients = new Map<string, Float32Array>();
    const measures: Measures = {};
    const outputs: Record<string, Float32Array>[] = [];
    let loss = 0;
    for (const [i, part] of prepared.entries()) {
      if (part.weight === 0) continue;
      const draw = [this.options.seed ?? 0, number * 1024 + i] as const;
      const share = this.options.accumulation === 'mean' ? scored * part.weight : weight;
      const feeds = batchFeeds(part, { lossWeight: 1 / share, draw });
      const results = await this.run('gradient', part.shape, feeds, (tensors) =>
        gradientProgram(this.options, this.objective, names, tensors),
      );
      outputs[i] = otherOutputs(results);
      const sums = this.objective.measure?.(microBatches[i]!, outputs[i]!) ?? {};
      for (const [name, sum] of Object.entries(sums)) measures[name] = (measures[name] ?? 0) + sum / weight;
      loss += (results[LOSS]!.data as Float32Array)[0]!;
      for (const name of names) accumulate(gradients, name, results[gradientName(name)]!.data as Float32Array);
    }
    if (weight === 0) throw new RatchetError('E_DATA_INVALID', `Step ${number} has nothing to learn from.`);
    const gradientNorm = globalNorm(gradients.values());
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw new RatchetError(
        'E_NUMERIC',
        `Step ${number}: the ${Number.isFinite(loss) ? `gradient norm is ${gradientNorm}` : `loss is ${loss}`}.`,
        { hint: 'Use a lower learning rate or more warm-up, and check the data and weights for extreme values.' },
      );
    this.optimizer.update(
      this.trainable,
      gradients,
      learningRate,
      clipFactor(gradientNorm, this.options.maxGradientNorm),
    );
    return { loss, gradientNorm, tokens: prepared.reduce((sum, part) => sum + part.tokens, 0), measures, outputs };
  }

  /**
   * Sum of the losses of a batch, without dropout, what they count (scored tokens, rows or pairs) and the sums of what the
   * objective reports beside.
   */
  async evaluate(batch: MicroBatch): Promise<{ lossSum: number; weight: number; measures: Measures }> {
    const prepared = this.objective.prepare(batch);
    const { weight } = prepared;
    if (weight === 0) return { lossSum: 0, weight, measures: {} };
    const results = await this.run('loss', prepared.shape, batchFeeds(prepared), (tensors) =>
      lossProgram(this.options, this.objective, tensors),
    );
    const measures = this.objective.measure?.(batch, otherOutputs(results)) ?? {};
    return { lossSum: floatsOf(results[LOSS]!)[0]!, weight, measures };
  }

  /**
   * Log-probability of each sequence of a batch: what preference losses compare with. `base` is under the weights the
   * trainer was given, without adapter, and does not change while training; `initial` is under the weights of now, adapter
   * included, so that it is asked before the first step.
   */
  async referenceLogProbabilities(batch: MicroBatch, reference: 'base' | 'initial' = 'base'): Promise<Float32Array> {
    const { feeds, shape } = sequenceFeeds(batch);
    if (reference === 'initial' && this.options.adapter) {
      const results = await this.run('reference', shape, feeds, (tensors) => ({
        [SEQUENCE_LOG_PROBABILITIES]: sequenceLogProbabilities(this.options, tensors, false),
      }));
      return floatsOf(results[SEQUENCE_LOG_PROBABILITIES]!);
    }
    const { config, weights, quantized } = this.options;
    const all = { ...Object.fromEntries(weights), ...quantizedFeeds(quantized ?? new Map()), ...feeds };
    const model = { config, adapter: null };
    const executable = await this.graphs.program(
      `${modelKey(this.options, null)}:reference:${shape}`,
      all,
      (tensors) => ({
        [SEQUENCE_LOG_PROBABILITIES]: sequenceLogProbabilities(model, tensors, false),
      }),
    );
    return floatsOf((await executable.run(all))[SEQUENCE_LOG_PROBABILITIES]!);
  }

  /** Frees the compiled graphs, unless they are shared. */
  async release(): Promise<void> {
    if (!this.options.graphs) await this.graphs.clear();
  }

  private async run(kind: string, shape: string, batch: Record<string, HostTensor>, program: Program) {
    const feeds = { ...this.feeds, ...batch };
    const executable = await this.graphs.program(`${this.modelKey}:${kind}:${shape}`, feeds, program);
    return executable.run(feeds);
  }
}

const floatsOf = ({ data }: HostTensor): Float32Array => data as Float32Array;

/** All results but the loss and the gradients. */
const otherOutputs = (results: Record<string, HostTensor>): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(results).flatMap(([name, tensor]) =>
      name === LOSS || name.startsWith(gradientName('')) ? [] : [[name, floatsOf(tensor)]],
    ),
  );

const modelKey = (
  { config, weights, quantized }: Pick<TrainStepOptions, 'config' | 'weights' | 'quantized'>,
  adapter: LoraAdapter | null,
): string =>
  configHash({
    config,
    quantized: [...(quantized?.keys() ?? [])],
    half: [...weights].filter(([, { dtype }]) => dtype === 'float16').map(([name]) => name),
    adapter: adapter && {
      dropout: adapter.dropout,
      modules: adapter.modules,
      tensors: [...adapter.tensors.keys()],
    },
  });

function accumulate(gradients: Map<string, Float32Array>, name: string, gradient: Float32Array): void {
  const sum = gradients.get(name);
  if (!sum) gradients.set(name, gradient);
  else for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + gradient[i]!;
}

export interface ForwardEvaluation {
  /** `[batch, time, vocabulary]`, padded positions too. */
  logits: Float32Array;
  /** Mean negative log likelihood of the scored tokens. */
  loss: number;
  /** `[batch, time, hidden]` after the embedding and after each layer; the last after the final norm. */
  hiddenStates: Float32Array[];
  /** Of the mean loss, for the asked parameters. */
  gradients: Map<string, Float32Array>;
  /** L2 norm of the gradient by all parameters (of the adapter, where there is one). */
  gradientNorm: number;
}

/**
 * Everything one forward and backward pass computes: for comparisons with a reference implementation.
 *
 * @param options.execute compiles and runs a program; compiled with onnxruntime when left out
 */
export async function evaluateForward(
  model: LoadedModel & { adapter?: LoraAdapter | null; quantized?: QuantizedWeights },
  batch: MicroBatch,
  options: {
    gradients?: readonly string[];
    execute?: (feeds: Record<string, HostTensor>, program: Program) => Promise<Record<string, HostTensor>>;
  } = {},
): Promise<ForwardEvaluation> {
  const programModel = { config: model.config, adapter: model.adapter ?? null };
  const graphs = new CompileCache(1);
  const execute =
    options.execute ??
    (async (feeds, program) => (await graphs.get('program', () => trace(feeds, program))).run(feeds));
  const prepared = causalObjective.prepare(batch);
  const adapterTensors = model.adapter?.tensors ?? new Map<string, HostTensor>();
  const weights = model.adapter ? frozenWeights(model.weights, model.adapter) : model.weights;
  const trainable = [...(model.adapter ? adapterTensors : model.weights).keys()];
  const feeds = {
    ...Object.fromEntries([...weights, ...adapterTensors]),
    ...quantizedFeeds(model.quantized ?? new Map()),
    ...batchFeeds(prepared, { lossWeight: 1 / prepared.weight }),
  };
  const results = await execute(feeds, (tensors) => {
    const states = hiddenStatesProgram(programModel, tensors);
    const last = states[`hidden.${model.config.layers}`]!;
    const flat = tf.reshape(last, [batch.batch * batch.time, model.config.hiddenSize]);
    return {
      ...states,
      logits: logits(model.config, adaptedParameters(programModel.adapter, tensors), flat),
      ...gradientProgram(programModel, causalObjective, trainable, tensors),
    };
  });
  await graphs.clear();
  const array = (name: string) => results[name]!.data as Float32Array;
  return {
    logits: array('logits'),
    loss: array(LOSS)[0]!,
    hiddenStates: Array.from({ length: model.config.layers + 1 }, (_, i) => array(`hidden.${i}`)),
    gradients: new Map((options.gradients ?? []).map((name) => [name, array(gradientName(name))])),
    gradientNorm: globalNorm(trainable.map((name) => array(gradientName(name)))),
  };
}
