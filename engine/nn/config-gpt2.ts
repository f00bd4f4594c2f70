import type { DecoderConfig } from './config.js';
import type { ConfigReader } from './config-reader.js';
import type { LinearModule, ParameterLayout } from './parameter-layout.js';

export const GPT2_POSITIONS = 'transformer.wpe.weight';

/** GPT-2 of any size, and models built like it (DialoGPT). */
export function gpt2Config(read: ConfigReader): DecoderConfig {
  read.only('scale_attn_by_inverse_layer_idx', false);
  read.only('add_cross_attention', false);
  const hiddenSize = read.count('n_embd');
  const heads = read.count('n_head');
  const headSize = read.headSize(hiddenSize, heads, 'n_embd', 'n_head');
  const layers = read.layers('n_layer');
  return {
    kind: 'decoder',
    architecture: 'gpt2',
    vocabularySize: read.count('vocab_size'),
    hiddenSize,
    intermediateSize: read.count('n_inner', 4 * hiddenSize),
    layers,
    heads,
    keyValueHeads: heads,
    headSize,
    attentionScale: read.flag('scale_attn_weights', true) ? 1 / Math.sqrt(headSize) : 1,
    norm: 'layer',
    normEpsilon: read.positive('layer_norm_epsilon', 1e-5),
    maxPositions: read.count('n_positions', 1024),
    activation: read.activation('activation_function', 'gelu_new'),
    rotary: null,
    windows: Array.from({ length: layers }, () => null),
    tiedHead: read.flag('tie_word_embeddings', true),
    attentionBias: true,
    attentionOutputBias: true,
    mlpBias: true,
    beginId: read.token('bos_token_id'),
    endIds: read.endIds(),
    padId: read.token('pad_token_id'),
  };
}

/** The norms before the attention and before the MLP. */
export const gpt2Norms = (layer: number): [attention: string, mlp: string] => [
  `transformer.h.${layer}.ln_1`,
  `transformer.h.${layer}.ln_2`,
];

export function gpt2Layout(config: DecoderConfig): ParameterLayout {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  const embedding = 'transformer.wte.weight';
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const modules = layers.flatMap((layer): LinearModule[] => {
    const module = (name: string, inputs: number, outputs: number): LinearModule => ({
      name: `transformer.h.${layer}.${name}`,
      inputs,
      outputs,
      layout: 'in-out',
      bias: true,
    });
    return [
      module('attn.c_attn', hidden, 3 * hidden),
      module('attn.c_proj', hidden, hidden),
      module('mlp.c_fc', hidden, intermediate),
      module('mlp.c_proj', intermediate, hidden),
    ];
  });
  return {
    embedding,
    tables: [
      [embedding, [config.vocabularySize, hidden]],
      [GPT2_POSITIONS, [config.maxPositions, hidden]],
    ],
    modules,
    head: [],
    norms: [...layers.flatMap(gpt2Norms), 'transformer.ln_f'],
  };
}
