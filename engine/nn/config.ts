import { RatchetError } from '../../config/errors.js';

/** Decoder-only architectures this engine can run. */
export const ARCHITECTURES = ['llama', 'gpt2'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** A model's shape, the same fields for every architecture. */
export interface ModelConfig {
  architecture: Architecture;
  vocabularySize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  /** Fewer than `heads` with grouped-query attention. */
  keyValueHeads: number;
  headSize: number;
  normEpsilon: number;
  maxPositions: number;
  /** Base of the rotary embedding; null where positions are learned. */
  ropeTheta: number | null;
  /** The head shares the token embedding's weight. */
  tiedHead: boolean;
  attentionBias: boolean;
  mlpBias: boolean;
  beginId: number | null;
  /** Tokens that end a text; empty where the model names none. */
  endIds: number[];
  padId: number | null;
}

const invalid = (source: string, message: string, hint: string) =>
  new RatchetError('E_MODEL_INVALID', `${source}: ${message}`, { hint });

/**
 * Reads a Hugging Face `config.json` (transformers 4 and 5 spellings).
 *
 * @param source the file's name, for messages
 * @throws RatchetError `E_MODEL_INVALID` naming an unknown architecture or an unusable field
 */
export function parseModelConfig(source: string, text: string): ModelConfig {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw invalid(source, `not valid JSON (${(error as Error).message}).`, 'Copy the file from the model again.');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw invalid(source, 'not a JSON object.', 'Copy the file from the model again.');
  const type = json['model_type'];
  if (type === 'llama') return llamaConfig(source, json);
  if (type === 'gpt2') return gpt2Config(source, json);
  throw invalid(
    source,
    `unknown architecture ${JSON.stringify(type)}.`,
    `Use a model whose model_type is one of ${ARCHITECTURES.join(', ')}.`,
  );
}

function reader(source: string, json: Record<string, unknown>) {
  const fail = (name: string, wanted: string): never => {
    throw invalid(
      source,
      `field ${name} is ${JSON.stringify(json[name]) ?? 'missing'}, it should be ${wanted}.`,
      'Copy the file from the model again.',
    );
  };
  return {
    count(name: string, fallback?: number): number {
      const value = json[name] ?? fallback;
      return Number.isSafeInteger(value) && (value as number) > 0
        ? (value as number)
        : fail(name, 'a positive integer');
    },
    positive(name: string, fallback?: number): number {
      const value = json[name] ?? fallback;
      return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : fail(name, 'a positive number');
    },
    flag(name: string, fallback: boolean): boolean {
      const value = json[name] ?? fallback;
      return typeof value === 'boolean' ? value : fail(name, 'true or false');
    },
    only(name: string, ...allowed: unknown[]): void {
      const value = json[name];
      if (value !== undefined && value !== null && !allowed.includes(value))
        fail(name, allowed.map((item) => JSON.stringify(item)).join(' or '));
    },
    token(name: string): number | null {
      const value = json[name] ?? null;
      return value === null || Number.isSafeInteger(value) ? (value as number | null) : fail(name, 'a token id');
    },
    endIds(): number[] {
      const value = json['eos_token_id'] ?? [];
      const ids = Array.isArray(value) ? value : [value];
      return ids.every((id) => Number.isSafeInteger(id)) ? (ids as number[]) : fail('eos_token_id', 'a token id');
    },
  };
}

function llamaConfig(source: string, json: Record<string, unknown>): ModelConfig {
  const read = reader(source, json);
  read.only('hidden_act', 'silu');
  const rope = (json['rope_parameters'] ?? json['rope_scaling'] ?? {}) as Record<string, unknown>;
  const kind = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (kind !== 'default')
    throw invalid(
      source,
      `rope type ${JSON.stringify(kind)} is not supported.`,
      'Use a model with plain rotary embedding.',
    );
  const theta = rope['rope_theta'] ?? json['rope_theta'] ?? 10000;
  if (typeof theta !== 'number' || !(theta > 0))
    throw invalid(source, `rope_theta is ${JSON.stringify(theta)}.`, 'It should be a positive number.');
  const hiddenSize = read.count('hidden_size');
  const heads = read.count('num_attention_heads');
  const keyValueHeads = read.count('num_key_value_heads', heads);
  const headSize = read.count('head_dim', hiddenSize / heads);
  if (heads % keyValueHeads !== 0)
    throw invalid(
      source,
      `${heads} heads cannot share ${keyValueHeads} key/value heads.`,
      'Check num_key_value_heads.',
    );
  if (headSize % 2 !== 0) throw invalid(source, `head_dim ${headSize} is odd.`, 'Rotary embedding needs an even one.');
  return {
    architecture: 'llama',
    vocabularySize: read.count('vocab_size'),
    hiddenSize,
    intermediateSize: read.count('intermediate_size'),
    layers: read.count('num_hidden_layers'),
    heads,
    keyValueHeads,
    headSize,
    normEpsilon: read.positive('rms_norm_eps', 1e-6),
    maxPositions: read.count('max_position_embeddings', 2048),
    ropeTheta: theta,
    tiedHead: read.flag('tie_word_embeddings', false),
    attentionBias: read.flag('attention_bias', false),
    mlpBias: read.flag('mlp_bias', false),
    beginId: read.token('bos_token_id'),
    endIds: read.endIds(),
    padId: read.token('pad_token_id'),
  };
}

function gpt2Config(source: string, json: Record<string, unknown>): ModelConfig {
  const read = reader(source, json);
  read.only('activation_function', 'gelu_new', 'gelu_pytorch_tanh');
  read.only('scale_attn_by_inverse_layer_idx', false);
  read.only('scale_attn_weights', true);
  read.only('add_cross_attention', false);
  const hiddenSize = read.count('n_embd');
  const heads = read.count('n_head');
  if (hiddenSize % heads !== 0)
    throw invalid(source, `n_embd ${hiddenSize} is not a multiple of n_head ${heads}.`, 'Check both fields.');
  return {
    architecture: 'gpt2',
    vocabularySize: read.count('vocab_size'),
    hiddenSize,
    intermediateSize: read.count('n_inner', 4 * hiddenSize),
    layers: read.count('n_layer'),
    heads,
    keyValueHeads: heads,
    headSize: hiddenSize / heads,
    normEpsilon: read.positive('layer_norm_epsilon', 1e-5),
    maxPositions: read.count('n_positions'),
    ropeTheta: null,
    tiedHead: read.flag('tie_word_embeddings', true),
    attentionBias: true,
    mlpBias: true,
    beginId: read.token('bos_token_id'),
    endIds: read.endIds(),
    padId: read.token('pad_token_id'),
  };
}
