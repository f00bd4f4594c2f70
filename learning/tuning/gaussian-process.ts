import { minimise } from './minimise.js';

/** What the fit chooses: relevance of each dimension (inverse squared length scale), scale and noise variance. */
export interface KernelParameters {
  relevance: Float64Array;
  scale: number;
  noise: number;
}

/** A fitted process. Values are those given to the fit. */
export interface GaussianProcess {
  points: readonly Float64Array[];
  kernel: KernelParameters;
  /** Inverse of the covariance with noise, row-major `[n, n]`. */
  inverse: Float64Array;
  /** Inverse covariance times values. */
  weights: Float64Array;
}

const SMALLEST_NOISE = 1e-6;

/** Matérn 5/2 correlation of a squared scaled distance, and its derivative by that squared distance. */
function matern(squared: number): { value: number; slope: number } {
  const root = Math.sqrt(5 * squared);
  const decay = Math.exp(-root);
  return { value: decay * ((5 / 3) * squared + root + 1), slope: (-5 / 6) * decay * (root + 1) };
}

/**
 * Gaussian process with a Matérn 5/2 kernel with one length scale per dimension (ARD); kernel parameters at the maximum
 * of the marginal likelihood times a prior, found by L-BFGS (Rasmussen & Williams 2006, §2.2,
 * §5.4.1). The priors are Optuna's: −0.1(r + 1/r) on each relevance, Gamma(2, 1) on the scale, Gamma(1.1, 30) on the
 * noise. Points are in the unit cube; values should have mean 0 and deviation 1.
 */
export function fitGaussianProcess(points: readonly Float64Array[], values: Float64Array): GaussianProcess {
  const dimensions = points[0]?.length ?? 0;
  const squared = squaredDifferences(points, dimensions);
  const evaluate = (raw: Float64Array) => negativeLogPosterior(raw, squared, values, dimensions);
  // Relevance and scale 1, noise 0.01.
  const start = Float64Array.from({ length: dimensions + 2 }, (_, i) => (i === dimensions + 1 ? Math.log(0.01) : 0));
  const found = minimise(evaluate, start, { low: -14, high: 8, iterations: 60, tolerance: 1e-2 });
  return condition(points, values, kernelOf(found.point, dimensions));
}

/** The process with given kernel parameters, conditioned on values at points. */
export function condition(
  points: readonly Float64Array[],
  values: Float64Array,
  kernel: KernelParameters,
): GaussianProcess {
  const n = points.length;
  const covariance = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      covariance[i * n + j] = kernel.scale * matern(scaledDistance(points[i]!, points[j]!, kernel.relevance)).value;
    }
    covariance[i * n + i]! += kernel.noise;
  }
  const inverse = invertFromFactor(cholesky(covariance, n)!, n);
  return { points, kernel, inverse, weights: multiply(inverse, values, n) };
}

/** Posterior mean and variance (without noise) at a point, and their gradients where asked for. */
export function predict(
  process: GaussianProcess,
  point: Float64Array,
  withGradient = false,
): { mean: number; variance: number; meanGradient: Float64Array; varianceGradient: Float64Array } {
  const { points, inverse, weights, kernel } = process;
  const n = points.length;
  const covariance = new Float64Array(n);
  const slopes = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const { value, slope } = matern(scaledDistance(points[i]!, point, kernel.relevance));
    covariance[i] = kernel.scale * value;
    slopes[i] = kernel.scale * slope;
  }
  const solved = multiply(inverse, covariance, n);
  let [mean, explained] = [0, 0];
  for (let i = 0; i < n; i++) {
    mean += weights[i]! * covariance[i]!;
    explained += solved[i]! * covariance[i]!;
  }
  const meanGradient = new Float64Array(withGradient ? point.length : 0);
  const varianceGradient = new Float64Array(meanGradient.length);
  for (let d = 0; d < meanGradient.length; d++) {
    let [ofMean, ofVariance] = [0, 0];
    for (let i = 0; i < n; i++) {
      const derivative = 2 * slopes[i]! * kernel.relevance[d]! * (point[d]! - points[i]![d]!);
      ofMean += weights[i]! * derivative;
      ofVariance -= 2 * solved[i]! * derivative;
    }
    meanGradient[d] = ofMean;
    varianceGradient[d] = ofVariance;
  }
  return { mean, variance: Math.max(0, kernel.scale - explained), meanGradient, varianceGradient };
}

function kernelOf(raw: Float64Array, dimensions: number): KernelParameters {
  return {
    relevance: raw.slice(0, dimensions).map(Math.exp),
    scale: Math.exp(raw[dimensions]!),
    noise: SMALLEST_NOISE + Math.exp(raw[dimensions + 1]!),
  };
}

/** (a_d − b_d)² of each pair of points, `[n, n, dimensions]`, lower triangle. */
function squaredDifferences(points: readonly Float64Array[], dimensions: number): Float64Array {
  const n = points.length;
  const result = new Float64Array(n * n * dimensions);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      for (let d = 0; d < dimensions; d++)
        result[(i * n + j) * dimensions + d] = (points[i]![d]! - points[j]![d]!) ** 2;
    }
  }
  return result;
}

function negativeLogPosterior(raw: Float64Array, squared: Float64Array, values: Float64Array, dimensions: number) {
  const n = values.length;
  const { relevance, scale, noise } = kernelOf(raw, dimensions);
  const covariance = new Float64Array(n * n);
  const slopes = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let distance = 0;
      for (let d = 0; d < dimensions; d++) distance += squared[(i * n + j) * dimensions + d]! * relevance[d]!;
      const { value, slope } = matern(distance);
      covariance[i * n + j] = scale * value;
      slopes[i * n + j] = scale * slope;
    }
    covariance[i * n + i] = scale + noise;
  }
  const gradient = new Float64Array(dimensions + 2);
  const factor = cholesky(covariance, n);
  if (factor === null) return { value: Infinity, gradient };
  const inverse = invertFromFactor(factor, n);
  const weights = multiply(inverse, values, n);

  let value = 0;
  for (let i = 0; i < n; i++) value += Math.log(factor[i * n + i]!) + 0.5 * values[i]! * weights[i]!;
  // d/dθ of ½ log|K| + ½ yᵀK⁻¹y = ½ tr((K⁻¹ − ααᵀ) dK/dθ), off-diagonal pairs counted twice.
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const factorOfPair = inverse[i * n + j]! - weights[i]! * weights[j]!;
      gradient[dimensions]! += factorOfPair * covariance[i * n + j]!;
      const shared = factorOfPair * slopes[i * n + j]!;
      for (let d = 0; d < dimensions; d++)
        gradient[d]! += shared * squared[(i * n + j) * dimensions + d]! * relevance[d]!;
    }
    const own = 0.5 * (inverse[i * n + i]! - weights[i]! ** 2);
    gradient[dimensions]! += own * scale;
    gradient[dimensions + 1]! += own * (noise - SMALLEST_NOISE);
  }
  relevance.forEach((r, d) => {
    value += 0.1 * (r + 1 / r);
    gradient[d]! += 0.1 * (r - 1 / r);
  });
  value += -Math.log(scale) + scale - 0.1 * Math.log(noise) + 30 * noise;
  gradient[dimensions]! += scale - 1;
  gradient[dimensions + 1]! += (30 - 0.1 / noise) * (noise - SMALLEST_NOISE);
  return { value, gradient };
}

function scaledDistance(a: Float64Array, b: Float64Array, relevance: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += relevance[d]! * (a[d]! - b[d]!) ** 2;
  return sum;
}

/** Lower Cholesky factor of a symmetric matrix given by its lower triangle; null when it is not positive definite. */
function cholesky(matrix: Float64Array, n: number): Float64Array | null {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * n + k]! * factor[j * n + k]!;
      if (i === j) {
        if (!(sum > 0)) return null;
        factor[i * n + i] = Math.sqrt(sum);
      } else factor[i * n + j] = sum / factor[j * n + j]!;
    }
  }
  return factor;
}

/** (L·Lᵀ)⁻¹ as a full symmetric matrix. */
function invertFromFactor(factor: Float64Array, n: number): Float64Array {
  // Row c of `columns` holds column c of L⁻¹, so that the product below reads memory in order.
  const columns = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    columns[c * n + c] = 1 / factor[c * n + c]!;
    for (let i = c + 1; i < n; i++) {
      let sum = 0;
      for (let k = c; k < i; k++) sum -= factor[i * n + k]! * columns[c * n + k]!;
      columns[c * n + i] = sum / factor[i * n + i]!;
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += columns[i * n + k]! * columns[j * n + k]!;
      inverse[i * n + j] = sum;
      inverse[j * n + i] = sum;
    }
  }
  return inverse;
}

function multiply(matrix: Float64Array, vector: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * vector[j]!;
    result[i] = sum;
  }
  return result;
}
