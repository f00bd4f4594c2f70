import { RatchetError } from '../../config/errors.js';
import { bertConfig } from './config-bert.js';
import { gpt2Config } from './config-gpt2.js';
import { llamaConfig } from './config-llama.js';
import { createConfigReader, type ConfigReader } from './config-reader.js';
import { t5Config } from './config-t5.js';
import type { RotaryConfig } from './rotary-config.js';

/** Names of transformers' activation functions that occur in the supported models. */
export type Activation = 'gelu-erf' | 'gelu-tanh' | 'relu' | 'silu';

/** What every model's shape has, whatever its kind. */
interface SharedConfig {
  vocabularySize: number;
  hiddenSize: number;
  intermediateSize: number;
  /** Layers; of the encoder where there is one. */
  layers: number;
  heads: number;
  /** Fewer than `heads` with grouped-query attention. */
  keyValueHeads: number;
  headSize: number;
  /** Factor on the attention scores: 1/√headSize, but 1 in T5. */
  attentionScale: number;
  norm: 'layer' | 'rms';
  normEpsilon: number;
  maxPositions: number;
  activation: Activation;
  /** Bias of the query, key and value projections. */
  attentionBias: boolean;
  /** Bias of the attention's output projection. */
  attentionOutputBias: boolean;
  mlpBias: boolean;
  /** The head shares the token embedding's weight. */
  tiedHead: boolean;
  beginId: number | null;
  /** Tokens that end a text; empty where the model names none. */
  endIds: number[];
  padId: number | null;
}

/** A causal language model. */
export interface DecoderConfig extends SharedConfig {
  kind: 'decoder';
  architecture: 'gpt2' | 'llama' | 'qwen2' | 'mistral' | 'phi3';
  /** Null where positions are learned. */
  rotary: RotaryConfig | null;
  /** Of each layer: how many tokens it sees, its own included; null is all. */
  windows: (number | null)[];
}

/** A bidirectional encoder with a head over the first token. */
export interface ClassifierConfig extends SharedConfig {
  kind: 'classifier';
  architecture: 'distilbert' | 'bert' | 'roberta';
  /** Names of the classes, in the order of the logits. */
  labels: string[];
  /** Kinds of token types; 0 where the model has none. */
  tokenTypes: number;
}

/** A sequence-to-sequence model. */
export interface EncoderDecoderConfig extends SharedConfig {
  kind: 'encoder-decoder';
  architecture: 't5';
  decoderLayers: number;
  /** The MLP has a gate. */
  gated: boolean;
  relativeBuckets: number;
  relativeMaxDistance: number;
  /** The decoder's output is multiplied by hiddenSize^−½ before the head. */
  scaleOutput: boolean;
  /** The token that every target starts with. */
  startId: number;
}

/** A model's shape. `kind` says which of forward's results there are. */
export type ModelConfig = DecoderConfig | ClassifierConfig | EncoderDecoderConfig;
export type Architecture = ModelConfig['architecture'];

const PARSERS: Record<Architecture, (read: ConfigReader) => ModelConfig> = {
  distilbert: bertConfig,
  bert: bertConfig,
  roberta: bertConfig,
  gpt2: gpt2Config,
  llama: llamaConfig,
  qwen2: llamaConfig,
  mistral: llamaConfig,
  phi3: llamaConfig,
  t5: t5Config,
};

/** Architectures this engine can run: values of `model_type`. */
export const ARCHITECTURES = Object.keys(PARSERS) as Architecture[];

/**
 * Reads a Hugging Face `config.json` (transformers 4 and 5 spellings).
 *
 * @param source the file's name, for messages
 * @throws RatchetError `E_MODEL_INVALID` naming an unknown architecture or an unusable field
 */
export function parseModelConfig(source: string, text: string): ModelConfig {
  const damaged = (problem: string) =>
    new RatchetError('E_MODEL_INVALID', `${source}: ${problem}.`, { hint: 'Copy the file from the model again.' });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw damaged(`not valid JSON (${(error as Error).message})`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw damaged('not a JSON object');
  const type = (json as Record<string, unknown>)['model_type'];
  if (typeof type !== 'string' || !Object.hasOwn(PARSERS, type))
    throw new RatchetError('E_MODEL_INVALID', `${source}: unknown architecture ${JSON.stringify(type) ?? '(none)'}.`, {
      hint: `Use a model whose model_type is one of ${ARCHITECTURES.join(', ')}.`,
    });
  return PARSERS[type as Architecture](createConfigReader(source, json as Record<string, unknown>));
}
