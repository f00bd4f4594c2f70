import { stream } from '../../../config/random.js';
import type { HostTensor } from '../../../engine/api.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { parameterShapes } from '../../../engine/nn/parameters.js';

/** A T5 of two layers on either side. */
export const TINY_T5 = {
  model_type: 't5',
  vocab_size: 16,
  d_model: 16,
  d_ff: 24,
  d_kv: 4,
  num_heads: 4,
  num_layers: 2,
  feed_forward_proj: 'gated-gelu',
  pad_token_id: 0,
  decoder_start_token_id: 0,
};

export interface RandomWeights {
  /** Standard deviation. */
  scale: number;
  seed?: number;
  /** Let the norms' gains vary around 1, too. */
  varyGains?: boolean;
}

/** The configuration of a `config.json` and random weights of that shape; gains of norms are 1. */
export function randomModel(shape: object, { scale, seed = 1, varyGains = false }: RandomWeights) {
  const config = parseModelConfig('tiny', JSON.stringify(shape));
  const weights = new Map(
    [...parameterShapes(config)].map(([name, extents]): [string, HostTensor] => {
      const draws = stream(seed, 'weights', name);
      const isGain = extents.length === 1 && !name.endsWith('bias');
      const draw = () => (isGain && !varyGains ? 1 : draws.normal() * scale + (isGain ? 1 : 0));
      const length = extents.reduce((product, extent) => product * extent, 1);
      return [name, { dtype: 'float32', shape: extents, data: Float32Array.from({ length }, draw) }];
    }),
  );
  return { config, weights };
}
