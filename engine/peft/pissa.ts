import type { HostTensor } from '../api.js';
import type { AdaptedModule, LoraAdapter } from './lora.js';
import { weightIndex } from './product.js';
import { singularVectors } from './singular-vectors.js';

/**
 * PiSSA's start (Meng et al. 2024, equations 2 to 4; PEFT's `pissa_init`): with W = U·S·Vᵀ cut to the rank,
 * A = √(S/scale)·Vᵀ and B = U·√(S/scale), so that scale · B·A is W's best approximation of that rank.
 *
 * @returns A `[rank, in]`, B `[out, rank]`
 */
export function principalFactors(weight: Float32Array, module: AdaptedModule): { a: Float32Array; b: Float32Array } {
  const { inputs, outputs, rank, scale } = module;
  const { values, left, right } = principalParts(weight, module);
  const roots = values.map((value) => Math.sqrt(value / scale));
  return {
    a: Float32Array.from({ length: rank * inputs }, (_, i) => roots[Math.floor(i / inputs)]! * right[i]!),
    b: Float32Array.from({ length: outputs * rank }, (_, i) => {
      const r = i % rank;
      return roots[r]! * left[r * outputs + Math.floor(i / rank)]!;
    }),
  };
}

function principalParts(weight: Float32Array, module: AdaptedModule) {
  const { inputs, outputs, rank } = module;
  const matrix = Float64Array.from(
    { length: outputs * inputs },
    (_, i) => weight[weightIndex(module, Math.floor(i / inputs), i % inputs)]!,
  );
  return singularVectors(matrix, outputs, inputs, rank);
}

/**
 * The weights that an adapter is added to: the model's own, but for PiSSA each adapted W without its principal part. PEFT
 * computes the same when it loads an adapter whose `init_lora_weights` says `pissa`.
 *
 * @returns `weights` itself where nothing changes; otherwise changed tensors are new, the others shared
 */
export function frozenWeights(
  weights: ReadonlyMap<string, HostTensor>,
  adapter: LoraAdapter,
): ReadonlyMap<string, HostTensor> {
  if (adapter.config.initLoraWeights !== 'pissa') return weights;
  const result = new Map(weights);
  for (const module of adapter.modules) {
    const { name, inputs, outputs, rank } = module;
    const tensor = weights.get(`${name}.weight`);
    if (!tensor) throw new RangeError(`the weights have no "${name}.weight"`);
    const residual = Float32Array.from(tensor.data as Float32Array);
    const { values, left, right } = principalParts(residual, module);
    for (let output = 0; output < outputs; output++)
      for (let input = 0; input < inputs; input++) {
        let part = 0;
        for (let r = 0; r < rank; r++) part += values[r]! * left[r * outputs + output]! * right[r * inputs + input]!;
        const index = weightIndex(module, output, input);
        residual[index] = residual[index]! - part;
      }
    result.set(`${name}.weight`, { ...tensor, data: residual });
  }
  return result;
}
