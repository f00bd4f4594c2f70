import { access, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { stream } from '../config/random.js';
import type { HostTensor } from '../engine/api.js';
import { writeAdapter } from '../engine/formats/peft.js';
import { writeSafetensors } from '../engine/formats/safetensors.js';
import { parseModelConfig } from '../engine/nn/config.js';
import { parameterShapes } from '../engine/nn/parameters.js';
import { createLora } from '../engine/peft/lora.js';

/** Model shapes; weights are random, so nothing is downloaded. */
const MODELS = {
  gpt2: {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    vocab_size: 50257,
    n_embd: 768,
    n_head: 12,
    n_layer: 12,
    n_positions: 1024,
    activation_function: 'gelu_new',
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
  },
  distilbert: {
    architectures: ['DistilBertForSequenceClassification'],
    model_type: 'distilbert',
    vocab_size: 30522,
    dim: 768,
    hidden_dim: 3072,
    n_heads: 12,
    n_layers: 6,
    max_position_embeddings: 512,
    activation: 'gelu',
    pad_token_id: 0,
    dropout: 0,
    attention_dropout: 0,
    seq_classif_dropout: 0,
    id2label: { 0: 'negative', 1: 'positive' },
    label2id: { negative: 0, positive: 1 },
  },
  base: {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 625,
    hidden_size: 96,
    intermediate_size: 256,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: 4,
    head_dim: 24,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    rope_parameters: { rope_type: 'default', rope_theta: 10000 },
    hidden_act: 'silu',
    tie_word_embeddings: true,
  },
} as const;

/** How the Ratchet side trains; its peer is always PyTorch with the plain method. */
export interface OwnSettings {
  quantized?: boolean;
  checkpointing?: boolean;
  packing?: boolean;
}

export interface Workload {
  name: string;
  title: string;
  model: keyof typeof MODELS;
  /** LoRA of rank 16 on PEFT's default modules; false trains every weight. */
  lora: boolean;
  rows: number;
  /** Tokens of every row; null: chats of mixed lengths, of which only the completions are learned. */
  time: number | null;
  /** Measured steps, after one that compiles. */
  steps: number;
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'lora', title: 'GPT-2 124M, LoRA r16, 4×128', model: 'gpt2', lora: true, rows: 4, time: 128, steps: 6 },
  { name: 'full', title: 'GPT-2 124M, all weights, 4×128', model: 'gpt2', lora: false, rows: 4, time: 128, steps: 5 },
  {
    name: 'distilbert',
    title: 'DistilBERT 66M, LoRA r16, 8×128',
    model: 'distilbert',
    lora: true,
    rows: 8,
    time: 128,
    steps: 6,
  },
  {
    name: 'sft',
    title: 'GPT-2 124M, LoRA r16, 8 chats a step',
    model: 'gpt2',
    lora: true,
    rows: 8,
    time: null,
    steps: 6,
  },
  { name: 'base', title: '0.4M Llama, all weights, 32×64', model: 'base', lora: false, rows: 32, time: 64, steps: 40 },
  { name: 'base-lora', title: '0.4M Llama, LoRA r16, 32×64', model: 'base', lora: true, rows: 32, time: 64, steps: 40 },
];

/** One row of a step: the first `prompt` tokens are read, the others learned. Classification: a class instead. */
export interface Row {
  ids: number[];
  prompt: number;
  label?: number;
}

/**
 * Rows of step `index`. Chats have 16 to 512 tokens, log-normal around 120 as instruction data sets have them; 40 % on
 * average is the completion.
 */
export function rowsOf(workload: Workload, index: number): Row[] {
  const { vocab_size: vocabulary } = MODELS[workload.model];
  return Array.from({ length: workload.rows }, (_, row) => {
    const draws = stream(1, 'bench', workload.name, index, row);
    const length = workload.time ?? Math.min(512, Math.max(16, Math.round(120 * Math.exp(0.8 * draws.normal()))));
    const ids = Array.from({ length }, () => 1 + draws.integer(vocabulary - 1));
    const prompt = workload.time === null ? Math.round(length * (0.4 + 0.4 * draws.float())) : 0;
    return workload.model === 'distilbert' ? { ids, prompt, label: draws.integer(2) } : { ids, prompt };
  });
}

/** Writes model, adapter and rows of a workload for both sides to read, once; returns the folder. */
export async function prepareWorkload(workload: Workload): Promise<string> {
  const models = join(homedir(), '.cache', 'ratchet', 'bench');
  const folder = join(models, workload.name);
  const model = join(models, `model-${workload.model}`);
  const shape = MODELS[workload.model];
  const config = parseModelConfig(model, JSON.stringify(shape));
  await mkdir(folder, { recursive: true });
  if (!(await exists(join(model, 'model.safetensors')))) {
    await mkdir(model, { recursive: true });
    await writeFile(join(model, 'config.json'), JSON.stringify(shape));
    await writeSafetensors(join(model, 'model.safetensors'), randomWeights(parameterShapes(config)));
  }
  if (workload.lora) {
    const weights = workload.model === 'distilbert' ? randomWeights(parameterShapes(config)) : new Map();
    const { tensors, ...adapter } = createLora(
      config,
      { rank: 16, alpha: 32, dropout: 0, targetModules: workload.model === 'distilbert' ? ['q_lin', 'v_lin'] : 'auto' },
      1,
      weights,
    );
    await writeAdapter(join(folder, 'adapter'), { config: adapter.config, tensors });
  }
  const steps = Array.from({ length: workload.steps + 1 }, (_, index) => rowsOf(workload, index));
  await writeFile(join(folder, 'workload.json'), JSON.stringify({ ...workload, model, steps }));
  return folder;
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/** Uniform in ±0.035 (deviation 0.02), gains 1; drawn quickly, because there are 124 million. */
function randomWeights(shapes: ReadonlyMap<string, number[]>): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  for (const [name, shape] of shapes) {
    const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    let state = stream(1, 'bench', name).integer(2 ** 31);
    const gain = shape.length === 1 && name.endsWith('weight');
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      data[i] = gain ? 1 : (state / 2 ** 31) * 0.035;
    }
    weights.set(name, { dtype: 'float32', shape, data });
  }
  return weights;
}
