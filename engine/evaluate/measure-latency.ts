import type { Latency } from '../api.js';

const WARM_UPS = 3;

/**
 * Times single predictions: three warm-ups (compilation, caches), then `count` timed ones.
 *
 * @param predict makes prediction number i; its result is the tokens it generated, 0 for a classification
 * @param count at least 1
 */
export async function measureLatency(predict: (index: number) => Promise<number>, count: number): Promise<Latency> {
  for (let i = 0; i < WARM_UPS; i++) await predict(i);
  const times: number[] = [];
  let tokens = 0;
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    tokens += await predict(i);
    times.push(performance.now() - started);
  }
  const total = times.reduce((sum, time) => sum + time, 0);
  times.sort((a, b) => a - b);
  return {
    predictions: count,
    warmUps: WARM_UPS,
    medianMilliseconds: quantile(times, 0.5),
    lowerQuartileMilliseconds: quantile(times, 0.25),
    upperQuartileMilliseconds: quantile(times, 0.75),
    tokensPerSecond: tokens === 0 ? null : (1000 * tokens) / total,
  };
}

/** A quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7). */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const lower = Math.floor(place);
  const [low, high] = [sorted[lower]!, sorted[Math.min(lower + 1, sorted.length - 1)]!];
  return low + (high - low) * (place - lower);
}
