/** How workers that have trained apart agree again; the settings of `training.dataParallel.outer`. */
export interface OuterOptimizer {
  /** `average`: towards their mean. `nesterov`: with Nesterov momentum, which is DiLoCo. */
  kind: 'average' | 'nesterov';
  /** Of the step from the former weights to the mean: 1 is the mean itself, 0 what {@link outerLearningRate} takes. */
  learningRate: number;
  /** Of `nesterov`. */
  momentum: number;
}

/**
 * The rate that is meant by 0: √workers with `average`, DiLoCo's 0.7 with `nesterov`. The mean of the AdamW steps of k
 * workers, each on a k-th of an update's rows, is shorter than the step of one worker on all of them: what noise there is in
 * their gradients makes each step no longer, and cancels in the mean. Where gradients are mostly noise, √k makes up for it.
 */
function outerLearningRate({ kind, learningRate }: OuterOptimizer, workers: number): number {
  if (learningRate > 0) return learningRate;
  return kind === 'average' ? Math.sqrt(workers) : 0.7;
}

export interface OuterStep {
  weights: Float32Array;
  /** Null with `average`, which has none. */
  momentum: Float32Array | null;
}

/**
 * One step of the outer optimizer for one tensor: Δ = (1/k) Σ (θ − θᵢ) over the workers' weights θᵢ is its gradient
 * (Douillard et al. 2023, "DiLoCo", algorithm 1). `average`: θ ← θ − η Δ (local SGD, Stich 2019). `nesterov`:
 * m ← µ m + Δ, θ ← θ − η (Δ + µ m), PyTorch's SGD with `nesterov=True`. Sums run in the order of the workers in float64;
 * what is kept is float32.
 *
 * @param former θ, what all workers started from
 * @param workers θᵢ of the size of θ, in the order of the shards; at least one
 * @param momentum m, or null before the first step
 * @throws RangeError for weights of another size
 */
export function stepOuterOptimizer(
  outer: OuterOptimizer,
  former: Float32Array,
  workers: readonly Float32Array[],
  momentum: Float32Array | null,
): OuterStep {
  for (const { length } of [...workers, momentum ?? former])
    if (length !== former.length) throw new RangeError(`${length} weights to average with ${former.length}`);
  if (workers.length === 0) throw new RangeError('no worker to average');
  const { kind, momentum: mu } = outer;
  const learningRate = outerLearningRate(outer, workers.length);
  const weights = new Float32Array(former.length);
  const next = kind === 'nesterov' ? new Float32Array(former.length) : null;
  for (let i = 0; i < weights.length; i++) {
    let sum = 0;
    for (const worker of workers) sum += worker[i]!;
    const mean = sum / workers.length;
    const delta = former[i]! - mean;
    if (next !== null) {
      next[i] = mu * (momentum?.[i] ?? 0) + delta;
      weights[i] = former[i]! - learningRate * (delta + mu * next[i]!);
    } else weights[i] = learningRate === 1 ? mean : former[i]! - learningRate * delta;
  }
  return { weights, momentum: next };
}
