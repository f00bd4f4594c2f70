import { parseModelConfig, type ModelConfig } from '../nn/config.js';

/** A model this engine is known to run. */
export interface RegisteredModel {
  /** The name it goes by here. */
  id: string;
  family: ModelConfig['architecture'];
  task: 'classification' | 'generation';
  /** Parameters as the literature names them. */
  nominal: string;
  /** Parameters of the published checkpoint (of classifiers: with a head for two classes). */
  parameters: number;
  license: string;
  /** The repository on the Hugging Face hub. */
  hub: string;
  /** True where the hub wants an account that has accepted the licence. */
  gated: boolean;
  /** What it is for here. */
  note: string;
  /** The fields of its config.json that decide its shape. */
  shape: Record<string, unknown>;
}

const DISTILBERT = {
  model_type: 'distilbert',
  vocab_size: 30_522,
  dim: 768,
  hidden_dim: 3072,
  n_layers: 6,
  n_heads: 12,
};
const BERT = { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 };
const GPT2 = { model_type: 'gpt2', vocab_size: 50_257, n_positions: 1024 };
const GPT2_MEDIUM = { ...GPT2, n_embd: 1024, n_layer: 24, n_head: 16 };

/** The models of requirement T1, smallest task first. */
export const REGISTERED_MODELS: readonly RegisteredModel[] = [
  {
    id: 'distilbert',
    family: 'distilbert',
    task: 'classification',
    nominal: '66M',
    parameters: 66_955_010,
    license: 'apache-2.0',
    hub: 'distilbert/distilbert-base-uncased',
    gated: false,
    note: 'the smallest classifier',
    shape: DISTILBERT,
  },
  {
    id: 'bert',
    family: 'bert',
    task: 'classification',
    nominal: '110M',
    parameters: 109_483_778,
    license: 'apache-2.0',
    hub: 'google-bert/bert-base-uncased',
    gated: false,
    note: 'the classic classifier',
    shape: { model_type: 'bert', vocab_size: 30_522, ...BERT },
  },
  {
    id: 'roberta',
    family: 'roberta',
    task: 'classification',
    nominal: '125M',
    parameters: 124_647_170,
    license: 'mit',
    hub: 'FacebookAI/roberta-base',
    gated: false,
    note: 'the most accurate classifier here',
    shape: { model_type: 'roberta', vocab_size: 50_265, max_position_embeddings: 514, type_vocab_size: 1, ...BERT },
  },
  {
    id: 'gpt2',
    family: 'gpt2',
    task: 'generation',
    nominal: '117M',
    parameters: 124_439_808,
    license: 'mit',
    hub: 'openai-community/gpt2',
    gated: false,
    note: 'a small generator',
    shape: { ...GPT2, n_embd: 768, n_layer: 12, n_head: 12 },
  },
  {
    id: 'gpt2-medium',
    family: 'gpt2',
    task: 'generation',
    nominal: '345M',
    parameters: 354_823_168,
    license: 'mit',
    hub: 'openai-community/gpt2-medium',
    gated: false,
    note: 'a medium generator',
    shape: GPT2_MEDIUM,
  },
  {
    id: 'dialogpt-medium',
    family: 'gpt2',
    task: 'generation',
    nominal: '345M',
    parameters: 354_823_168,
    license: 'mit',
    hub: 'microsoft/DialoGPT-medium',
    gated: false,
    note: 'dialogue; GPT-2 in its shape',
    shape: GPT2_MEDIUM,
  },
  {
    id: 'flan-t5-base',
    family: 't5',
    task: 'generation',
    nominal: '250M',
    parameters: 247_577_856,
    license: 'apache-2.0',
    hub: 'google/flan-t5-base',
    gated: false,
    note: 'encoder–decoder, tuned on instructions',
    shape: {
      model_type: 't5',
      vocab_size: 32_128,
      d_model: 768,
      d_ff: 2048,
      d_kv: 64,
      num_layers: 12,
      num_heads: 12,
      feed_forward_proj: 'gated-gelu',
      tie_word_embeddings: false,
    },
  },
  {
    id: 'tinyllama',
    family: 'llama',
    task: 'generation',
    nominal: '1.1B',
    parameters: 1_100_048_384,
    license: 'apache-2.0',
    hub: 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
    gated: false,
    note: 'a small chat model',
    shape: {
      model_type: 'llama',
      vocab_size: 32_000,
      hidden_size: 2048,
      intermediate_size: 5632,
      num_hidden_layers: 22,
      num_attention_heads: 32,
      num_key_value_heads: 4,
    },
  },
  {
    id: 'phi-3-mini',
    family: 'phi3',
    task: 'generation',
    nominal: '3.8B',
    parameters: 3_821_079_552,
    license: 'mit',
    hub: 'microsoft/Phi-3-mini-4k-instruct',
    gated: false,
    note: 'for prototypes',
    shape: {
      model_type: 'phi3',
      vocab_size: 32_064,
      hidden_size: 3072,
      intermediate_size: 8192,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      sliding_window: 2047,
    },
  },
  {
    id: 'llama-2-7b',
    family: 'llama',
    task: 'generation',
    nominal: '7B',
    parameters: 6_738_415_616,
    license: 'llama2',
    hub: 'meta-llama/Llama-2-7b-hf',
    gated: true,
    note: 'a base model for larger machines',
    shape: {
      model_type: 'llama',
      vocab_size: 32_000,
      hidden_size: 4096,
      intermediate_size: 11_008,
      num_hidden_layers: 32,
      num_attention_heads: 32,
    },
  },
  {
    id: 'mistral-7b-instruct',
    family: 'mistral',
    task: 'generation',
    nominal: '7B',
    parameters: 7_248_023_552,
    license: 'apache-2.0',
    hub: 'mistralai/Mistral-7B-Instruct-v0.3',
    gated: true,
    note: 'balanced',
    shape: {
      model_type: 'mistral',
      vocab_size: 32_768,
      hidden_size: 4096,
      intermediate_size: 14_336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      max_position_embeddings: 32_768,
      sliding_window: null,
    },
  },
  {
    id: 'qwen2.5-7b-instruct',
    family: 'qwen2',
    task: 'generation',
    nominal: '7B',
    parameters: 7_615_616_512,
    license: 'apache-2.0',
    hub: 'Qwen/Qwen2.5-7B-Instruct',
    gated: false,
    note: 'for production',
    shape: {
      model_type: 'qwen2',
      vocab_size: 152_064,
      hidden_size: 3584,
      intermediate_size: 18_944,
      num_hidden_layers: 28,
      num_attention_heads: 28,
      num_key_value_heads: 4,
    },
  },
];

/** The registered model of this id or hub repository, in any case; undefined if there is none. */
export function registeredModel(name: string): RegisteredModel | undefined {
  const wanted = name.toLowerCase();
  return REGISTERED_MODELS.find(({ id, hub }) => id === wanted || hub.toLowerCase() === wanted);
}

/** A registered model's shape, without its files. */
export const registeredConfig = ({ id, shape }: RegisteredModel): ModelConfig =>
  parseModelConfig(`registry:${id}`, JSON.stringify(shape));
