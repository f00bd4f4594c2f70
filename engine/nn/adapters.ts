import type { tf } from '../trace/index.js';

/** The low-rank update of one linear module: W·x becomes W·x + scale · B·A·x, and with a magnitude DoRA's form of it. */
export interface ModuleAdapter {
  /** `[rank, in]` */
  A: tf.Tensor;
  /** `[out, rank]` */
  B: tf.Tensor;
  /** alpha / rank, or alpha / √rank. */
  scale: number;
  /** DoRA: the length of each output's row, `[out]`. */
  magnitude?: tf.Tensor;
}

/** Adapters of some linear modules of a forward pass. */
export interface AdapterInputs {
  /** By module path without `.weight`. */
  modules: Record<string, ModuleAdapter>;
  /** Training only: what A sees instead of the module's input `[rows, in]`. */
  dropout?: (input: tf.Tensor, module: string) => tf.Tensor;
}
