import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stream } from '../../../config/random.js';
import type { HostTensor, TrainSpec, TrainingRow } from '../../../engine/api.js';
import { writeSafetensors } from '../../../engine/formats/safetensors.js';
import { randomModel } from '../nn/random-weights.js';

const WORDS = ['<pad>', '<eos>', '<unk>', ...'abcdefghijklm'];

export const TINY_CONFIG = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: WORDS.length,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  eos_token_id: 1,
  pad_token_id: 0,
};

/** Random weights of a tiny Llama. */
export const tinyWeights = (seed = 1): Map<string, HostTensor> =>
  randomModel(TINY_CONFIG, { scale: 0.3, seed }).weights;

/** Rows to learn: repeat the prompt's words backwards. */
export function tinyRows(count: number, seed = 1): TrainingRow[] {
  const draws = stream(seed, 'rows');
  return Array.from({ length: count }, (_, i) => {
    const words = Array.from({ length: 1 + draws.integer(7) }, () => draws.pick(WORDS.slice(3)));
    return { id: `row-${i}`, prompt: words.join(' '), completion: words.toReversed().join(' ') };
  });
}

export const jsonLines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** A model folder `model` with a word tokenizer, `train.jsonl` (22 rows) and `validation.jsonl` (7 rows). */
export async function writeTinyModel(folder: string): Promise<void> {
  const model = join(folder, 'model');
  await mkdir(model, { recursive: true });
  await writeFile(join(model, 'config.json'), JSON.stringify(TINY_CONFIG));
  await writeSafetensors(join(model, 'model.safetensors'), tinyWeights());
  const added = WORDS.slice(0, 3).map((content, id) => ({
    id,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])), unk_token: '<unk>' },
  };
  await writeFile(join(model, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(
    join(model, 'tokenizer_config.json'),
    JSON.stringify({ eos_token: '<eos>', pad_token: '<pad>', unk_token: '<unk>' }),
  );
  await writeFile(join(folder, 'train.jsonl'), jsonLines(tinyRows(22)));
  await writeFile(join(folder, 'validation.jsonl'), jsonLines(tinyRows(7, 2)));
}

/** Two epochs of LoRA with dropout and accumulation: 6 steps an epoch. */
export const tinySpec = (folder: string): TrainSpec => ({
  modelDir: join(folder, 'model'),
  strategy: 'lora',
  trainFile: join(folder, 'train.jsonl'),
  validationFile: join(folder, 'validation.jsonl'),
  outputDir: join(folder, 'output'),
  checkpointDir: join(folder, 'checkpoints'),
  checkpointEverySteps: 3,
  seed: 7,
  patience: 3,
  parameters: {
    learningRate: 0.05,
    batchSize: 2,
    gradientAccumulationSteps: 2,
    numEpochs: 2,
    warmupRatio: 0.1,
    loraRank: 3,
    loraAlpha: 6,
    loraDropout: 0.2,
    weightDecay: 0.01,
    maxGradientNorm: 1,
    maxLength: 32,
    targetModules: 'all-linear',
  },
});
