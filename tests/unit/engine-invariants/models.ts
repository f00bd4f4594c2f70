import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '../../../engine/formats/safetensors.js';
import { TINY_CONFIG, writeTinyModel } from '../train/tiny-model.js';
import { randomModel } from '../nn/random-weights.js';

/** Wide enough that onnxruntime divides its products among threads. */
const WIDTH = 64;

/** Tiny models of the two decoder layouts, by the text of their config.json. */
export const MODELS = {
  llama: {
    ...TINY_CONFIG,
    hidden_size: WIDTH,
    intermediate_size: 3 * WIDTH,
    head_dim: WIDTH / TINY_CONFIG.num_attention_heads,
  },
  gpt2: {
    model_type: 'gpt2',
    architectures: ['GPT2LMHeadModel'],
    vocab_size: TINY_CONFIG.vocab_size,
    n_embd: WIDTH,
    n_layer: 2,
    n_head: 4,
    n_positions: 64,
    layer_norm_epsilon: 1e-5,
    activation_function: 'gelu_new',
    eos_token_id: 1,
    pad_token_id: 0,
  },
} as const;
export type ModelName = keyof typeof MODELS;
export const MODEL_NAMES = Object.keys(MODELS) as ModelName[];

/** A model's configuration and random weights. */
export const tinyModel = (name: ModelName) => randomModel(MODELS[name], { scale: 0.1 });

/** A folder as `writeTinyModel` makes it, with this model in the place of its own. */
export async function writeModel(folder: string, name: ModelName): Promise<void> {
  await writeTinyModel(folder);
  await writeFile(join(folder, 'model', 'config.json'), JSON.stringify(MODELS[name]));
  await writeSafetensors(join(folder, 'model', 'model.safetensors'), tinyModel(name).weights);
}
