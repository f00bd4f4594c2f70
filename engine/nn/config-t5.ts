import type { Activation, EncoderDecoderConfig } from './config.js';
import type { ConfigReader } from './config-reader.js';
import type { LinearModule, ParameterLayout } from './parameter-layout.js';

/** T5 (Raffel et al. 2019), T5 1.1 and FLAN-T5. */
export function t5Config(read: ConfigReader): EncoderDecoderConfig {
  read.only('is_decoder', false);
  const heads = read.count('num_heads');
  const headSize = read.count('d_kv', 64);
  const layers = read.layers('num_layers');
  const buckets = read.count('relative_attention_num_buckets', 32, 65_536);
  const distance = read.count('relative_attention_max_distance', 128, 65_536);
  if (buckets < 4) read.invalid(`relative_attention_num_buckets is ${buckets}.`, 'It should be at least 4.');
  if (distance <= buckets / 2)
    read.invalid(`relative_attention_max_distance ${distance} is too small for ${buckets} buckets.`, 'Check both.');
  const [activation, gated] = feedForward(read);
  // Before version 5 the tie alone told T5 (tied, scaled) from T5 1.1 (own head, not scaled).
  const tied = read.flag('tie_word_embeddings', true);
  return {
    kind: 'encoder-decoder',
    architecture: 't5',
    vocabularySize: read.count('vocab_size', 32_128),
    hiddenSize: read.count('d_model'),
    intermediateSize: read.count('d_ff'),
    layers,
    decoderLayers: read.layers('num_decoder_layers', layers),
    heads,
    keyValueHeads: heads,
    headSize,
    attentionScale: 1,
    norm: 'rms',
    normEpsilon: read.positive('layer_norm_epsilon', 1e-6),
    // Relative positions have no end; this is only what the model was trained on.
    maxPositions: read.count('n_positions', 512),
    activation,
    gated,
    relativeBuckets: buckets,
    relativeMaxDistance: distance,
    scaleOutput: read.flag('scale_decoder_outputs', tied),
    tiedHead: tied,
    attentionBias: false,
    attentionOutputBias: false,
    mlpBias: false,
    startId: read.token('decoder_start_token_id') ?? read.token('pad_token_id', 0) ?? 0,
    beginId: null,
    endIds: read.endIds([1]),
    padId: read.token('pad_token_id', 0),
  };
}

/** What `feed_forward_proj` says, unless `dense_act_fn` and `is_gated_act` say something else: they win in transformers. */
function feedForward(read: ConfigReader): [activation: Activation, gated: boolean] {
  const [activation, gated] = projection(read);
  return [
    read.field('dense_act_fn') === undefined ? activation : read.activation('dense_act_fn', 'relu'),
    read.flag('is_gated_act', gated),
  ];
}

/** `relu`, `gated-gelu` and the like; the gated GELU is the tanh form. */
function projection(read: ConfigReader): [activation: Activation, gated: boolean] {
  const text = read.field('feed_forward_proj') ?? 'relu';
  if (text === 'gated-gelu') return ['gelu-tanh', true];
  const parts = /^(gated-)?(relu|silu|gelu|gelu_new)$/.exec(String(text));
  if (!parts) return read.fail('feed_forward_proj', 'relu, gelu or silu, alone or after "gated-"');
  const activations: Record<string, Activation> = {
    relu: 'relu',
    silu: 'silu',
    gelu: 'gelu-erf',
    gelu_new: 'gelu-tanh',
  };
  return [activations[parts[2]!]!, parts[1] !== undefined];
}

/** `encoder.block.N` or `decoder.block.N`. */
export const t5Block = (stack: 'encoder' | 'decoder', layer: number): string => `${stack}.block.${layer}`;

/** The table of relative position biases `[buckets, heads]` that all layers of a stack share. */
export const t5BiasTable = (stack: 'encoder' | 'decoder'): string =>
  `${t5Block(stack, 0)}.layer.0.SelfAttention.relative_attention_bias.weight`;

export function t5Layout(config: EncoderDecoderConfig): ParameterLayout {
  const { hiddenSize: hidden, intermediateSize: intermediate, heads, headSize } = config;
  const inner = heads * headSize;
  const module = (name: string, inputs: number, outputs: number): LinearModule => ({
    name,
    inputs,
    outputs,
    layout: 'out-in',
    bias: false,
  });
  const attention = (name: string) => [
    ...['q', 'k', 'v'].map((part) => module(`${name}.${part}`, hidden, inner)),
    module(`${name}.o`, inner, hidden),
  ];
  const feed = (name: string) => [
    ...(config.gated ? ['wi_0', 'wi_1'] : ['wi']).map((part) => module(`${name}.${part}`, hidden, intermediate)),
    module(`${name}.wo`, intermediate, hidden),
  ];
  const modules: LinearModule[] = [];
  const norms: string[] = [];
  for (const [stack, layers] of [
    ['encoder', config.layers],
    ['decoder', config.decoderLayers],
  ] as const) {
    for (let layer = 0; layer < layers; layer++) {
      const block = t5Block(stack, layer);
      const cross = stack === 'decoder';
      modules.push(...attention(`${block}.layer.0.SelfAttention`));
      if (cross) modules.push(...attention(`${block}.layer.1.EncDecAttention`));
      modules.push(...feed(`${block}.layer.${cross ? 2 : 1}.DenseReluDense`));
      for (let part = 0; part < (cross ? 3 : 2); part++) norms.push(`${block}.layer.${part}.layer_norm`);
    }
    norms.push(`${stack}.final_layer_norm`);
  }
  const embedding = 'shared.weight';
  const table = [config.relativeBuckets, heads];
  return {
    embedding,
    tables: [
      [embedding, [config.vocabularySize, hidden]],
      [t5BiasTable('encoder'), table],
      [t5BiasTable('decoder'), table],
    ],
    modules,
    head: [],
    norms,
  };
}
