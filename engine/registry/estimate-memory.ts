import type { ModelConfig } from '../nn/config.js';
import { headModules, linearModules, parameterShapes, type LinearModule } from '../nn/parameters.js';

export interface MemoryQuestion {
  config: ModelConfig;
  strategy: 'full' | 'lora' | 'qlora';
  /** Rows of a micro-batch. */
  batch: number;
  /** Tokens of a row. */
  time: number;
  /** LoRA and QLoRA: rank of the adapter, 8 when left out. */
  rank?: number;
  /** LoRA and QLoRA: the modules with an adapter; every linear module of the layers when left out. */
  modules?: readonly Pick<LinearModule, 'inputs' | 'outputs'>[];
  /** Keep one layer's activations and recompute the others. */
  checkpointing?: boolean;
  /** Positions that go through the language-model head; all when left out. */
  supervised?: number;
  /** Bytes of a frozen weight at rest, 4 when left out. QLoRA's layers are packed instead. */
  weightBytes?: 2 | 4;
}

/** Bytes that a training step needs at its peak, by what they hold. */
export interface MemoryEstimate {
  parameters: number;
  trainableParameters: number;
  weights: number;
  gradients: number;
  optimizer: number;
  activations: number;
  total: number;
}

const FLOAT = 4;
/** NF4 in blocks of 64 with float32 scales that are quantised themselves: 4 + 8/64 + 32/(64·256) bits. */
const NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** How many numbers the model holds. */
export const countParameters = (config: ModelConfig): number =>
  [...parameterShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);

/**
 * Estimates the memory of training from the shapes of the model alone.
 *
 * - weights: every parameter at rest, and the adapter; with QLoRA the layers' linear modules at 4.13 bits
 * - gradients and optimizer: 4 and 8 bytes (AdamW) a trainable parameter
 * - activations, 4 bytes each: for a token and layer, the inputs and outputs of its linear modules, two more of the
 *   MLP's inner size (the activation and its gate) and four of the hidden size (norms and residuals), rank numbers for
 *   each adapted module; attention scores and weights, `2 · heads · time²` a row and layer; and for each supervised
 *   position three rows of the vocabulary (logits, their logarithm, their gradient). With checkpointing, one layer of
 *   this and the hidden size of each token for the others.
 *
 * The process itself (Node, onnxruntime's code and compiled graph) comes on top.
 */
export function estimateMemory(question: MemoryQuestion): MemoryEstimate {
  const { config, strategy } = question;
  const modules = linearModules(config);
  const parameters = countParameters(config);
  const rank = question.rank ?? 8;
  const adapted = question.modules ?? modules;
  const adapter =
    strategy === 'full' ? 0 : adapted.reduce((sum, { inputs, outputs }) => sum + rank * (inputs + outputs), 0);
  const head = headModules(config).reduce((sum, { inputs, outputs }) => sum + (inputs + 1) * outputs, 0);
  const trainable = strategy === 'full' ? parameters : adapter + head;
  const packed = strategy === 'qlora' ? modules.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0) : 0;
  const rest = strategy === 'full' ? FLOAT : (question.weightBytes ?? FLOAT);

  const weights = Math.ceil((parameters - packed) * rest + packed * NF4_BYTES + adapter * FLOAT);
  const gradients = trainable * FLOAT;
  const optimizer = 2 * trainable * FLOAT;
  const activations = activationNumbers(question, modules, strategy === 'full' ? 0 : rank * adapted.length) * FLOAT;
  return {
    parameters,
    trainableParameters: trainable,
    weights,
    gradients,
    optimizer,
    activations,
    total: weights + gradients + optimizer + activations,
  };
}

function activationNumbers(question: MemoryQuestion, modules: readonly LinearModule[], adapterNumbers: number): number {
  const { config, batch, time } = question;
  const tokens = batch * time;
  const layers = config.layers + (config.kind === 'encoder-decoder' ? config.decoderLayers : 0);
  const products = modules.reduce((sum, { inputs, outputs }) => sum + inputs + outputs, 0);
  const perToken = products + layers * (2 * config.intermediateSize + 4 * config.hiddenSize) + adapterNumbers;
  const ofLayers = tokens * perToken + 2 * layers * batch * config.heads * time ** 2;
  const kept = question.checkpointing ? ofLayers / layers + layers * tokens * config.hiddenSize : ofLayers;
  const scored = config.kind === 'classifier' ? 0 : Math.min(question.supervised ?? tokens, tokens);
  return Math.ceil(kept) + 3 * scored * config.vocabularySize;
}
