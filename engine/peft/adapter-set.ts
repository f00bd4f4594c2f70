import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import { readAdapter } from '../formats/peft.js';
import type { ModelConfig } from '../nn/config.js';
import { loraFromPeft } from './from-peft.js';
import { loraKey } from './keys.js';
import type { AdaptedModule, LoraAdapter } from './lora.js';
import { mergeLora } from './merge.js';
import { shortName } from './target-modules.js';

/** Several adapters on one base model, which is held once. */
export class AdapterSet {
  private readonly adapters = new Map<string, LoraAdapter>();

  constructor(
    readonly config: ModelConfig,
    readonly weights: ReadonlyMap<string, HostTensor>,
  ) {}

  names(): string[] {
    return [...this.adapters.keys()];
  }

  /** Adds an adapter or replaces the one of this name. */
  add(name: string, adapter: LoraAdapter): void {
    this.adapters.set(name, adapter);
  }

  /** Adds the adapter of a PEFT folder. @throws RatchetError `E_NOT_FOUND`, `E_MODEL_INVALID` */
  async load(name: string, folder: string): Promise<LoraAdapter> {
    const adapter = loraFromPeft(this.config, await readAdapter(folder));
    this.add(name, adapter);
    return adapter;
  }

  remove(name: string): void {
    this.adapters.delete(name);
  }

  /** @throws RatchetError `E_NOT_FOUND` naming the adapters there are */
  get(name: string): LoraAdapter {
    const adapter = this.adapters.get(name);
    if (!adapter)
      throw new RatchetError('E_NOT_FOUND', `There is no adapter "${name}".`, {
        hint: `Choose one of ${this.names().join(', ') || 'none: add one first'}.`,
      });
    return adapter;
  }

  /** The weights with one adapter merged, or the base's own for null. */
  merged(name: string | null): ReadonlyMap<string, HostTensor> {
    return name === null ? this.weights : mergeLora(this.weights, this.get(name));
  }

  /**
   * The weighted sum of adapters as one adapter.
   *
   * @param factors of the adapters by name
   * @throws RatchetError see {@link combineAdapters}
   */
  combine(factors: Readonly<Record<string, number>>): LoraAdapter {
    return combineAdapters(Object.entries(factors).map(([name, factor]) => ({ adapter: this.get(name), factor })));
  }
}

/**
 * One adapter whose update is Σ factor · scale · B·A, exactly: the A side by side and the B side by side, so that the
 * ranks add up (PEFT's `add_weighted_adapter` with `cat`).
 *
 * @throws RatchetError `E_USAGE` for DoRA, PiSSA or parameters saved in full, which do not add up, or an empty list
 */
export function combineAdapters(parts: readonly { adapter: LoraAdapter; factor: number }[]): LoraAdapter {
  const refuse = (message: string) =>
    new RatchetError('E_USAGE', message, { hint: 'Combine plain LoRA adapters, or merge them one after the other.' });
  if (parts.length === 0) throw refuse('There is no adapter to combine.');
  for (const { adapter, factor } of parts) {
    const { useDora, initLoraWeights } = adapter.config;
    if (useDora || initLoraWeights === 'pissa' || adapter.savedParameters.length > 0)
      throw refuse('An adapter with DoRA, PiSSA or modules saved in full is not a plain sum.');
    if (!Number.isFinite(factor)) throw refuse(`The factor ${factor} is not a number.`);
  }
  const names = new Map<string, { adapter: LoraAdapter; factor: number; module: AdaptedModule }[]>();
  for (const { adapter, factor } of parts)
    for (const module of adapter.modules) {
      const found = names.get(module.name) ?? [];
      names.set(module.name, [...found, { adapter, factor, module }]);
    }
  const tensors = new Map<string, HostTensor>();
  const modules: AdaptedModule[] = [];
  for (const [name, sources] of names) {
    const { inputs, outputs } = sources[0]!.module;
    const rank = sources.reduce((sum, { module }) => sum + module.rank, 0);
    const a = new Float32Array(rank * inputs);
    const b = new Float32Array(outputs * rank);
    let row = 0;
    for (const { adapter, factor, module } of sources) {
      const ownA = adapter.tensors.get(loraKey(name, 'A'))!.data as Float32Array;
      const ownB = adapter.tensors.get(loraKey(name, 'B'))!.data as Float32Array;
      for (let i = 0; i < ownA.length; i++) a[row * inputs + i] = factor * module.scale * ownA[i]!;
      for (let i = 0; i < ownB.length; i++) b[Math.floor(i / module.rank) * rank + row + (i % module.rank)] = ownB[i]!;
      row += module.rank;
    }
    tensors.set(loraKey(name, 'A'), { dtype: 'float32', shape: [rank, inputs], data: a });
    tensors.set(loraKey(name, 'B'), { dtype: 'float32', shape: [outputs, rank], data: b });
    modules.push({ ...sources[0]!.module, rank, scale: 1 });
  }
  const r = Math.max(...modules.map((module) => module.rank));
  const pattern = Object.fromEntries(
    modules.filter((module) => module.rank !== r).map(({ name, rank }) => [name, rank]),
  );
  return {
    dropout: 0,
    modules,
    savedParameters: [],
    tensors,
    config: {
      ...parts[0]!.adapter.config,
      r,
      loraAlpha: r,
      loraDropout: 0,
      useRslora: false,
      initLoraWeights: true,
      rankPattern: pattern,
      alphaPattern: pattern,
      targetModules: [...new Set(modules.map((module) => shortName(module.name)))],
    },
  };
}
