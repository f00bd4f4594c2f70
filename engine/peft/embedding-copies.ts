import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import type { AdapterConfig } from '../formats/peft.js';
import { isSameTensor } from '../formats/safetensors.js';
import type { ModelConfig } from '../nn/config.js';
import { embeddingName } from '../nn/parameters.js';
import { savedKey } from './saved-modules.js';
import { shortName } from './target-modules.js';

type Tensors = ReadonlyMap<string, HostTensor>;

/**
 * Parameters of transformers' model that are the token embedding under further names: a tied head, and T5's own embeddings of
 * encoder and decoder. PEFT saves each as a module of its own, and leaves the base model's where one is not saved.
 */
export function embeddingCopies(config: ModelConfig): string[] {
  if (config.kind === 'classifier') return [];
  const stacks = config.kind === 'encoder-decoder' ? ['encoder', 'decoder'] : [];
  const copies = stacks.map((stack) => `${stack}.embed_tokens.weight`);
  return config.tiedHead ? [...copies, 'lm_head.weight'] : copies;
}

/** An adapter's tensors as PEFT wants them: an embedding that is saved in full is there under all of its names. */
export function withEmbeddingCopies(config: ModelConfig, tensors: Tensors): Map<string, HostTensor> {
  const result = new Map(tensors);
  const embedding = tensors.get(savedKey(embeddingName(config)));
  if (embedding) for (const name of embeddingCopies(config)) result.set(savedKey(name), embedding);
  return result;
}

/**
 * Refuses an adapter in which the names of the embedding stand for different weights: here they are one.
 *
 * @throws RatchetError `E_MODEL_INVALID`
 */
export function refuseUntied(model: ModelConfig, config: AdapterConfig, tensors: Tensors): void {
  const own = embeddingName(model);
  const embedding = tensors.get(savedKey(own));
  for (const name of embeddingCopies(model)) {
    const copy = tensors.get(savedKey(name));
    if (copy ? embedding && isSameTensor(copy, embedding) : !embedding || tiesEmbedding(config)) continue;
    throw new RatchetError(
      'E_MODEL_INVALID',
      `"${own}" and "${name}" are one weight in this model, but two in the adapter.`,
      {
        hint: 'Train it with ensure_weight_tying. If Ratchet wrote it, it means both: set ensure_weight_tying to true in its adapter_config.json and add lm_head to modules_to_save.',
      },
    );
  }
}

/**
 * Whether PEFT ties what it saves: it looks for these two names (`EMBEDDING_LAYER_NAMES`) and leaves others, such as GPT-2's
 * `wte` and T5's `shared`, apart from the head whatever `ensure_weight_tying` says.
 */
const tiesEmbedding = ({ ensureWeightTying, modulesToSave }: AdapterConfig): boolean =>
  ensureWeightTying && (modulesToSave ?? []).some((name) => ['embed_tokens', 'lm_head'].includes(shortName(name)));
