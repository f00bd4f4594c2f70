import type { ModelConfig } from '../nn/config.js';
import { chunkRows } from '../objectives/chunk-rows.js';
import type { OptimizerName } from '../optim/create-optimizer.js';
import { headModules, linearModules, parameterShapes, type LinearModule } from '../nn/parameters.js';

export interface MemoryQuestion {
  config: ModelConfig;
  strategy: 'full' | 'lora' | 'qlora';
  /** Sequences of a micro-batch: rows, or twice the pairs. */
  batch: number;
  /** Tokens of a sequence. */
  time: number;
  /** LoRA and QLoRA: rank of the adapter, 8 when left out. */
  rank?: number;
  /** LoRA and QLoRA: the modules with an adapter; every linear module of the layers when left out. */
  modules?: readonly Pick<LinearModule, 'inputs' | 'outputs'>[];
  /** Keep one layer's activations and recompute the others. */
  checkpointing?: boolean;
  /** Positions that go through the language-model head; all when left out. */
  supervised?: number;
  /** The logits of all supervised positions exist at once, not a chunk at a time: preferences and distillation. */
  wholeLogits?: boolean;
  /** Bytes of a frozen weight at rest, 4 when left out. QLoRA's layers are packed instead. */
  weightBytes?: 2 | 4;
  /** AdamW when left out. */
  optimizer?: OptimizerName;
  /** Several micro-batches make a step: their gradients are summed beside the newest ones. */
  accumulates?: boolean;
  /** The weights of the best validation are kept beside the newest ones. */
  keepsBest?: boolean;
}

/** Bytes that a training process needs at its peak, by what they hold. */
export interface MemoryEstimate {
  parameters: number;
  trainableParameters: number;
  weights: number;
  gradients: number;
  optimizer: number;
  activations: number;
  /** Node, onnxruntime's code and the compiled graphs. */
  process: number;
  total: number;
}

const FLOAT = 4;
/** NF4 in blocks of 64 with float32 scales that are quantised themselves: 4 + 8/64 + 32/(64·256) bits. */
const NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8;
/** Numbers that an optimizer keeps for each trainable one; Adafactor's rows and columns hardly count. */
const OPTIMIZER_NUMBERS: Record<OptimizerName, number> = { adamw: 2, sgd: 1, lion: 1, adafactor: 0 };

/**
 * Share of the layers' activations that is alive at once: onnxruntime frees what the backward pass does not need, and the
 * gradient of a trained weight needs the input of its module.
 */
const ALIVE = { frozen: 0.45, trained: 0.75 };
const PROCESS_BYTES = 170e6;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** How many numbers the model holds. */
export const countParameters = (config: ModelConfig): number =>
  [...parameterShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);

/**
 * Estimates the memory of training from the shapes of the model alone. Its few constants are fitted to measured peaks
 * (docs/engine.md lists them): within about a fifth where a model has more than some million parameters.
 *
 * - weights: every parameter at rest, and the adapter; with QLoRA the layers' linear modules at 4.13 bits
 * - gradients: 8 bytes a trainable parameter, because the runtime's are copied, and optimizer: 8 bytes (AdamW)
 * - activations, 4 bytes each: for a token and layer, the inputs and outputs of its linear modules, two more of the
 *   MLP's inner size (the activation and its gate) and four of the hidden size (norms and residuals), rank numbers for
 *   each adapted module; attention scores and weights, `2 · heads · time²` a row and layer. Of this {@link ALIVE} at
 *   once; with checkpointing, one layer of it and the hidden size of each token for the others. For each supervised
 *   position whose logits exist at once, three rows of the vocabulary (logits, their logarithm, their gradient). Where
 *   the head is trained, three of its gradients (a chunk's, the sum, the embedding's). Where weights rest packed or in
 *   16 bits, the largest of them in float32
 */
export function estimateMemory(question: MemoryQuestion): MemoryEstimate {
  const { config, strategy } = question;
  const modules = linearModules(config);
  const parameters = countParameters(config);
  const rank = question.rank ?? 8;
  const adapted = question.modules ?? modules;
  const full = strategy === 'full';
  const adapter = full ? 0 : adapted.reduce((sum, { inputs, outputs }) => sum + rank * (inputs + outputs), 0);
  const head = headModules(config).reduce((sum, { inputs, outputs }) => sum + (inputs + 1) * outputs, 0);
  const trainable = full ? parameters : adapter + head;
  const packed = strategy === 'qlora' ? modules.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0) : 0;
  const rest = full ? FLOAT : (question.weightBytes ?? FLOAT);

  const frozen = Math.ceil((parameters - packed) * rest + packed * NF4_BYTES);
  const weights = frozen + (full ? 0 : trainable * FLOAT) + (question.keepsBest ? trainable * FLOAT : 0);
  const gradients = trainable * FLOAT * (question.accumulates ? 3 : 2);
  const optimizer = OPTIMIZER_NUMBERS[question.optimizer ?? 'adamw'] * trainable * FLOAT;
  const numbers = activationNumbers(question, modules, full ? 0 : rank * adapted.length);
  const activations = (numbers + unpackedNumbers(question, modules)) * FLOAT;
  return {
    parameters,
    trainableParameters: trainable,
    weights,
    gradients,
    optimizer,
    activations,
    process: PROCESS_BYTES,
    total: weights + gradients + optimizer + activations + PROCESS_BYTES,
  };
}

function activationNumbers(question: MemoryQuestion, modules: readonly LinearModule[], adapterNumbers: number): number {
  const { config, batch, time } = question;
  const full = question.strategy === 'full';
  const tokens = batch * time;
  const layers = config.layers + (config.kind === 'encoder-decoder' ? config.decoderLayers : 0);
  const products = modules.reduce((sum, { inputs, outputs }) => sum + inputs + outputs, 0);
  const perToken = products + layers * (2 * config.intermediateSize + 4 * config.hiddenSize) + adapterNumbers;
  const ofLayers = tokens * perToken + 2 * layers * batch * config.heads * time ** 2;
  const kept = question.checkpointing
    ? ofLayers / layers + layers * tokens * config.hiddenSize
    : ofLayers * ALIVE[full ? 'trained' : 'frozen'];
  // The sum of a learned head's gradient, beside that of the newest chunk.
  const head = full && config.kind !== 'classifier' ? config.vocabularySize * config.hiddenSize : 0;
  return Math.ceil(kept) + 3 * scoredAtOnce(question) * config.vocabularySize + head;
}

function scoredAtOnce({ config, strategy, batch, time, supervised, wholeLogits }: MemoryQuestion): number {
  if (config.kind === 'classifier') return 0;
  const scored = Math.min(supervised ?? batch * time, batch * time);
  const learned = strategy === 'full' ? config.hiddenSize : 0;
  return wholeLogits ? scored : (chunkRows(scored, config.vocabularySize, learned) ?? scored);
}

/** Numbers of the largest weight that a step unpacks to float32. */
function unpackedNumbers(
  { config, strategy, weightBytes }: MemoryQuestion,
  modules: readonly { inputs: number; outputs: number }[],
): number {
  const largest = Math.max(...modules.map(({ inputs, outputs }) => inputs * outputs));
  const head = config.kind === 'classifier' ? 0 : config.vocabularySize * config.hiddenSize;
  if (strategy !== 'full' && weightBytes === 2) return Math.max(largest, head);
  return strategy === 'qlora' ? largest : 0;
}
