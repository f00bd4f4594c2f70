import type { AdapterInputs, ModuleAdapter } from '../nn/adapters.js';
import type { tf } from '../trace/index.js';
import { loraKey, magnitudeKey } from './keys.js';
import type { LoraAdapter } from './lora.js';
import { savedKey } from './saved-modules.js';

type Tensors = Record<string, tf.Tensor>;

/**
 * An adapter's tensors as a forward pass wants them.
 *
 * @param tensors by PEFT key, among others
 * @param drop training only: what module number `purpose` sees of its input
 */
export function adapterInputs(
  adapter: LoraAdapter,
  tensors: Tensors,
  drop?: (rows: tf.Tensor, purpose: number) => tf.Tensor,
): AdapterInputs {
  const modules: Record<string, ModuleAdapter> = {};
  const purposes = new Map<string, number>();
  for (const { name, scale } of adapter.modules) {
    const magnitude = tensors[magnitudeKey(name)];
    modules[name] = {
      A: tensors[loraKey(name, 'A')]!,
      B: tensors[loraKey(name, 'B')]!,
      scale,
      ...(magnitude && { magnitude }),
    };
    purposes.set(name, purposes.size);
  }
  return drop ? { modules, dropout: (rows, name) => drop(rows, purposes.get(name)!) } : { modules };
}

/** The model's parameters with those that the adapter replaces in full. */
export function adaptedParameters(adapter: LoraAdapter | null, tensors: Tensors): Tensors {
  if (!adapter || adapter.savedParameters.length === 0) return tensors;
  const replaced = adapter.savedParameters.map((name) => [name, tensors[savedKey(name)]!]);
  return { ...tensors, ...Object.fromEntries(replaced) };
}
