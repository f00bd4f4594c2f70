import { predict, type GaussianProcess } from './gaussian-process.js';
import { normalLogCdf } from '../statistics/normal.js';
import { logStandardImprovement } from './normal-distribution.js';

const SMALLEST_VARIANCE = 1e-12;

/**
 * log E[max(0, threshold − f(point))] of a process whose values are minimised, and its gradient where asked for (Ament
 * et al. 2023, "Unexpected improvements to expected improvement for Bayesian optimization").
 */
export function logExpectedImprovement(
  process: GaussianProcess,
  threshold: number,
  point: Float64Array,
  withGradient = false,
): { value: number; gradient: Float64Array } {
  const { mean, variance, meanGradient, varianceGradient } = predict(process, point, withGradient);
  const deviation = Math.sqrt(variance + SMALLEST_VARIANCE);
  const z = (threshold - mean) / deviation;
  const standard = logStandardImprovement(z);
  const slope = Math.exp(normalLogCdf(z) - standard);
  const gradient = meanGradient.map((ofMean, d) => {
    const ofDeviation = varianceGradient[d]! / (2 * deviation);
    return (slope * (-ofMean - z * ofDeviation) + ofDeviation) / deviation;
  });
  return { value: standard + Math.log(deviation), gradient };
}
