import type { DecoderConfig } from './config.js';
import type { ConfigReader } from './config-reader.js';
import type { LinearModule, ParameterLayout } from './parameter-layout.js';
import { rotaryConfig } from './rotary-config.js';

/** What transformers assumes where config.json is silent. */
const DEFAULTS: Record<string, { keyValueHeads?: number; maxPositions: number; epsilon: number; pad: number | null }> =
  {
    llama: { maxPositions: 2048, epsilon: 1e-6, pad: null },
    qwen2: { maxPositions: 32_768, epsilon: 1e-6, pad: null },
    mistral: { keyValueHeads: 8, maxPositions: 131_072, epsilon: 1e-6, pad: null },
    phi3: { maxPositions: 4096, epsilon: 1e-5, pad: 32_000 },
  };

/** Llama and its relatives: Qwen2 (biased q, k, v), Mistral (sliding window), Phi-3 (fused projections). */
export function llamaConfig(read: ConfigReader): DecoderConfig {
  const architecture = read.type as DecoderConfig['architecture'];
  const defaults = DEFAULTS[architecture]!;
  const hiddenSize = read.count('hidden_size');
  const layers = read.layers('num_hidden_layers');
  const heads = read.count('num_attention_heads');
  const keyValueHeads = read.count('num_key_value_heads', Math.min(defaults.keyValueHeads ?? heads, heads));
  const headSize =
    read.optionalCount('head_dim') ?? read.headSize(hiddenSize, heads, 'hidden_size', 'num_attention_heads');
  if (heads % keyValueHeads !== 0)
    read.invalid(`${heads} heads cannot share ${keyValueHeads} key/value heads.`, 'Check num_key_value_heads.');
  if (headSize % 2 !== 0) read.invalid(`head_dim ${headSize} is odd.`, 'Rotary embedding needs an even one.');
  const positions = read.count('max_position_embeddings', defaults.maxPositions);
  const rotary = rotaryConfig(read, headSize, positions);
  const { scaling } = rotary;
  // Past the original positions LongRoPE turns all keys anew, those of a cache too: texts end there.
  const maxPositions = scaling.kind === 'longrope' ? Math.min(positions, scaling.originalMaxPositions) : positions;
  const llama = architecture === 'llama';
  const vocabularySize = read.count('vocab_size');
  const padId = read.token('pad_token_id', defaults.pad);
  return {
    kind: 'decoder',
    architecture,
    vocabularySize,
    hiddenSize,
    intermediateSize: read.count('intermediate_size'),
    layers,
    heads,
    keyValueHeads,
    headSize,
    attentionScale: 1 / Math.sqrt(headSize),
    norm: 'rms',
    normEpsilon: read.positive('rms_norm_eps', defaults.epsilon),
    maxPositions,
    activation: read.activation('hidden_act', 'silu'),
    rotary,
    windows: windows(read, layers),
    tiedHead: read.flag('tie_word_embeddings', false),
    attentionBias: architecture === 'qwen2' || (llama && read.flag('attention_bias', false)),
    attentionOutputBias: llama && read.flag('attention_bias', false),
    mlpBias: llama && read.flag('mlp_bias', false),
    beginId: read.token('bos_token_id'),
    endIds: read.endIds(),
    // The first LLaMA checkpoints have −1, which PyTorch's embedding counts from the end.
    padId: padId !== null && padId < 0 ? padId + vocabularySize : padId,
  };
}

/** Each layer's sliding window, by each architecture's own rules. */
function windows(read: ConfigReader, layers: number): (number | null)[] {
  const every = (window: number | null) => Array.from({ length: layers }, () => window);
  if (read.type === 'llama') return every(null);
  const given = read.optionalCount('sliding_window');
  if (read.type === 'phi3') return every(given);
  const orDefault = given ?? (read.has('sliding_window') ? null : 4096);
  if (read.type === 'mistral') return every(orDefault);
  const window = read.flag('use_sliding_window', false) ? orDefault : null;
  const first = Number(read.field('max_window_layers') ?? 28);
  const types = read.field('layer_types');
  if (types === undefined) return every(window).map((size, layer) => (layer >= first ? size : null));
  if (!Array.isArray(types) || types.length !== layers) read.fail('layer_types', `a list of ${layers} types`);
  return (types as unknown[]).map((type) => {
    if (type === 'full_attention') return null;
    return type === 'sliding_attention'
      ? window
      : read.fail('layer_types', 'a list of "full_attention" and "sliding_attention"');
  });
}

/** The norms before the attention and before the MLP. */
export const llamaNorms = (layer: number): [attention: string, mlp: string] => [
  `model.layers.${layer}.input_layernorm`,
  `model.layers.${layer}.post_attention_layernorm`,
];

export function llamaLayout(config: DecoderConfig): ParameterLayout {
  const { hiddenSize: hidden, intermediateSize: intermediate, heads, keyValueHeads, headSize } = config;
  const embedding = 'model.embed_tokens.weight';
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const modules = layers.flatMap((layer): LinearModule[] => {
    const module = (name: string, inputs: number, outputs: number, bias: boolean): LinearModule => ({
      name: `model.layers.${layer}.${name}`,
      inputs,
      outputs,
      layout: 'out-in',
      bias,
    });
    const query = heads * headSize;
    const key = keyValueHeads * headSize;
    const output = module('self_attn.o_proj', query, hidden, config.attentionOutputBias);
    const down = module('mlp.down_proj', intermediate, hidden, config.mlpBias);
    if (config.architecture === 'phi3')
      return [
        module('self_attn.qkv_proj', hidden, query + 2 * key, false),
        output,
        module('mlp.gate_up_proj', hidden, 2 * intermediate, false),
        down,
      ];
    return [
      module('self_attn.q_proj', hidden, query, config.attentionBias),
      module('self_attn.k_proj', hidden, key, config.attentionBias),
      module('self_attn.v_proj', hidden, key, config.attentionBias),
      output,
      module('mlp.gate_proj', hidden, intermediate, config.mlpBias),
      module('mlp.up_proj', hidden, intermediate, config.mlpBias),
      down,
    ];
  });
  return {
    embedding,
    tables: [[embedding, [config.vocabularySize, hidden]]],
    modules,
    head: [],
    norms: [...layers.flatMap(llamaNorms), 'model.norm'],
  };
}
