import type { HostTensor } from '../api.js';
import { readAdapter } from '../formats/peft.js';
import type { ModelConfig } from '../nn/config.js';
import { loadModel } from '../nn/load-model.js';
import { adapterLabels } from '../nn/new-head.js';
import { loraFromPeft } from '../peft/from-peft.js';
import { mergeLora } from '../peft/merge.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizer/tokenizer.js';

export interface AdaptedModel {
  config: ModelConfig;
  /** Every parameter by name, with the adapter merged in. */
  weights: ReadonlyMap<string, HostTensor>;
  tokenizer: TextTokenizer;
}

/**
 * A model folder with its tokenizer and, where given, an adapter merged into the weights.
 *
 * @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID`
 */
export async function loadAdaptedModel(modelDir: string, adapterDir: string | null): Promise<AdaptedModel> {
  const labels = await adapterLabels(adapterDir);
  // An adapter of another head brings all of it: what is drawn in its place here is overwritten.
  const [{ config, weights }, tokenizer] = await Promise.all([
    loadModel(modelDir, labels ? { newHead: { labels, seed: 0 } } : {}),
    loadTokenizer(modelDir),
  ]);
  if (adapterDir === null) return { config, weights, tokenizer };
  const adapter = loraFromPeft(config, await readAdapter(adapterDir));
  return { config, weights: mergeLora(weights, adapter), tokenizer };
}
