import type { tf } from '../trace/index.js';
import type { AdapterInputs } from './adapters.js';
import type { ModelConfig } from './config.js';

/** What every layer of one forward pass shares. Activations are rows: `[batch · time, features]`. */
export interface LayerContext {
  config: ModelConfig;
  batch: number;
  time: number;
  /** Every parameter by its name. */
  params: Record<string, tf.Tensor>;
  /** A parameter by name; throws when it was not given. */
  parameter(name: string): tf.Tensor;
  optional(name: string): tf.Tensor | undefined;
  adapters: AdapterInputs | undefined;
}

export function createLayerContext(
  config: ModelConfig,
  params: Record<string, tf.Tensor>,
  adapters: AdapterInputs | undefined,
  batch: number,
  time: number,
): LayerContext {
  return {
    config,
    batch,
    time,
    params,
    adapters,
    optional: (name) => params[name],
    parameter(name) {
      const tensor = params[name];
      if (!tensor) throw new TypeError(`the forward pass was not given the parameter "${name}"`);
      return tensor;
    },
  };
}
