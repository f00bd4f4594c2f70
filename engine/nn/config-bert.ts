import type { ClassifierConfig } from './config.js';
import type { ConfigReader } from './config-reader.js';
import type { LinearModule, ParameterLayout } from './parameter-layout.js';

/** BERT, RoBERTa and DistilBERT for sequence classification. */
export function bertConfig(read: ConfigReader): ClassifierConfig {
  const architecture = read.type as ClassifierConfig['architecture'];
  read.only('is_decoder', false);
  read.only('add_cross_attention', false);
  read.only('position_embedding_type', 'absolute');
  const distil = architecture === 'distilbert';
  const [size, headCount, layerCount, inner] = distil
    ? (['dim', 'n_heads', 'n_layers', 'hidden_dim'] as const)
    : (['hidden_size', 'num_attention_heads', 'num_hidden_layers', 'intermediate_size'] as const);
  const hiddenSize = read.count(size);
  const heads = read.count(headCount);
  const headSize = read.headSize(hiddenSize, heads, size, headCount);
  const roberta = architecture === 'roberta';
  // A head for numbers, or for several labels at once, has another loss and other answers.
  read.only('problem_type', 'single_label_classification');
  // Null is no padding for BERT: then every row of the embedding learns. RoBERTa's positions need the id.
  const padId = read.token('pad_token_id', roberta ? 1 : 0);
  const positions = read.count('max_position_embeddings', 512);
  if ((padId ?? 0) < 0 || (roberta && (padId === null || padId + 1 >= positions)))
    read.fail('pad_token_id', 'a token id with room for positions after it');
  return {
    kind: 'classifier',
    architecture,
    vocabularySize: read.count('vocab_size'),
    hiddenSize,
    intermediateSize: read.count(inner),
    layers: read.layers(layerCount),
    heads,
    keyValueHeads: heads,
    headSize,
    attentionScale: 1 / Math.sqrt(headSize),
    norm: 'layer',
    // DistilBERT's is not in its config: transformers has it in the code.
    normEpsilon: distil ? 1e-12 : read.positive('layer_norm_eps', 1e-12),
    // RoBERTa's table starts with rows that no token uses.
    maxPositions: roberta ? positions - padId! - 1 : positions,
    activation: read.activation(distil ? 'activation' : 'hidden_act', 'gelu'),
    tokenTypes: distil ? 0 : read.count('type_vocab_size', 2),
    labels: labels(read),
    tiedHead: false,
    attentionBias: true,
    attentionOutputBias: true,
    mlpBias: true,
    beginId: read.token('bos_token_id', roberta ? 0 : null),
    endIds: read.endIds(),
    padId,
  };
}

/** Class names by index from `id2label`; `num_labels` names them as transformers does; two when neither is given. */
function labels(read: ConfigReader): string[] {
  const names = read.field('id2label');
  if (names === undefined) return Array.from({ length: read.count('num_labels', 2, 100_000) }, (_, i) => `LABEL_${i}`);
  if (typeof names !== 'object' || Array.isArray(names)) read.fail('id2label', 'an object');
  const byIndex = names as Record<string, unknown>;
  const count = Object.keys(byIndex).length;
  if (count === 0) read.fail('id2label', 'an object with a name for each class');
  return Array.from({ length: count }, (_, i) => {
    const name = byIndex[String(i)];
    return typeof name === 'string' ? name : read.fail('id2label', `an object with the keys 0 to ${count - 1}`);
  });
}

/** Paths of one encoder layer's modules and norms. */
export interface BertLayerNames {
  /** What all of the layer's names begin with. */
  prefix: string;
  query: string;
  key: string;
  value: string;
  attentionOutput: string;
  attentionNorm: string;
  up: string;
  down: string;
  outputNorm: string;
}

export function bertLayerNames({ architecture }: ClassifierConfig, layer: number): BertLayerNames {
  if (architecture === 'distilbert') {
    const prefix = `distilbert.transformer.layer.${layer}`;
    return {
      prefix: `${prefix}.`,
      query: `${prefix}.attention.q_lin`,
      key: `${prefix}.attention.k_lin`,
      value: `${prefix}.attention.v_lin`,
      attentionOutput: `${prefix}.attention.out_lin`,
      attentionNorm: `${prefix}.sa_layer_norm`,
      up: `${prefix}.ffn.lin1`,
      down: `${prefix}.ffn.lin2`,
      outputNorm: `${prefix}.output_layer_norm`,
    };
  }
  const prefix = `${architecture}.encoder.layer.${layer}`;
  return {
    prefix: `${prefix}.`,
    query: `${prefix}.attention.self.query`,
    key: `${prefix}.attention.self.key`,
    value: `${prefix}.attention.self.value`,
    attentionOutput: `${prefix}.attention.output.dense`,
    attentionNorm: `${prefix}.attention.output.LayerNorm`,
    up: `${prefix}.intermediate.dense`,
    down: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
}

/** The position embedding. */
export const bertPositions = ({ architecture }: ClassifierConfig): string =>
  `${architecture}.embeddings.position_embeddings.weight`;

/** Row of the position embedding that the first token uses: RoBERTa counts from after the padding's id. */
export const firstPosition = ({ architecture, padId }: ClassifierConfig): number =>
  architecture === 'roberta' ? padId! + 1 : 0;

/** The two modules of the classification head: the one before the activation, and the classifier. */
export const bertHeadNames = ({ architecture }: ClassifierConfig): [dense: string, classifier: string] => {
  if (architecture === 'distilbert') return ['pre_classifier', 'classifier'];
  return architecture === 'bert' ? ['bert.pooler.dense', 'classifier'] : ['classifier.dense', 'classifier.out_proj'];
};

export function bertLayout(config: ClassifierConfig): ParameterLayout {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  const module = (name: string, inputs: number, outputs: number): LinearModule => ({
    name,
    inputs,
    outputs,
    layout: 'out-in',
    bias: true,
  });
  const layers = Array.from({ length: config.layers }, (_, layer) => bertLayerNames(config, layer));
  const embeddings = `${config.architecture}.embeddings`;
  const embedding = `${embeddings}.word_embeddings.weight`;
  const [dense, classifier] = bertHeadNames(config);
  const tables: ParameterLayout['tables'] = [
    [embedding, [config.vocabularySize, hidden]],
    [bertPositions(config), [config.maxPositions + firstPosition(config), hidden]],
  ];
  if (config.tokenTypes > 0) tables.push([`${embeddings}.token_type_embeddings.weight`, [config.tokenTypes, hidden]]);
  return {
    embedding,
    tables,
    modules: layers.flatMap((names) => [
      module(names.query, hidden, hidden),
      module(names.key, hidden, hidden),
      module(names.value, hidden, hidden),
      module(names.attentionOutput, hidden, hidden),
      module(names.up, hidden, intermediate),
      module(names.down, intermediate, hidden),
    ]),
    head: [module(dense, hidden, hidden), module(classifier, hidden, config.labels.length)],
    norms: [`${embeddings}.LayerNorm`, ...layers.flatMap((names) => [names.attentionNorm, names.outputNorm])],
  };
}
