import type { tf } from '../trace/index.js';

/** LoRA matrices to add to some linear modules of a forward pass. */
export interface AdapterInputs {
  /** By module path without `.weight`: A `[r, in]`, B `[out, r]`, and the factor on B·A·x (alpha / r). */
  modules: Record<string, { A: tf.Tensor; B: tf.Tensor; scale: number }>;
  /** Training only: what A sees instead of the module's input `[rows, in]`. */
  dropout?: (input: tf.Tensor, module: string) => tf.Tensor;
}
