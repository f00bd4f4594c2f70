/**
 * A test of paired differences that may be looked at after every pair: betting e-processes (Waudby-Smith & Ramdas 2024;
 * Shafer 2021). The state is plain data.
 */
export interface SequentialTestState {
  /** Pairs seen. */
  n: number;
  /** ln of the wealth of each bet, on a positive and on a negative mean. */
  positive: number[];
  negative: number[];
  /** ln of the largest e-value so far, for either side. */
  bestPositive: number;
  bestNegative: number;
}

export interface SequentialVerdict {
  /** `positive` and `negative` are final; `open` asks for more pairs. */
  verdict: 'positive' | 'negative' | 'open';
  /** Evidence for a positive mean now: ≥ 1/α rejects. */
  eValue: number;
  /** Valid at any time: 1 / the largest e-value so far. */
  pValue: number;
  n: number;
}

/** Shares of the wealth that are bet each time; their mean is an e-process too, and one of them is near the best. */
const BETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8] as const;

/** The test before the first pair. */
export function startSequentialTest(): SequentialTestState {
  const wealth = BETS.map(() => 0);
  return { n: 0, positive: wealth, negative: wealth, bestPositive: 0, bestNegative: 0 };
}

/**
 * The test after more pairs; the state given is left as it is.
 * @param differences each within ±`range`; what lies beyond is cut off, which can only weaken a surprising gain or loss
 * @param options.range largest possible difference, e.g. 100 for scores of 0–100
 * @param options.margin the hypothesis is a mean of at most (for `negative`: at least) this; default 0
 */
export function observeDifferences(
  state: SequentialTestState,
  differences: readonly number[],
  options: { range: number; margin?: number },
): SequentialTestState {
  const { range, margin = 0 } = options;
  let { n, positive, negative, bestPositive, bestNegative } = state;
  for (const difference of differences) {
    const gain = (Math.max(-range, Math.min(range, difference)) - margin) / (range + Math.abs(margin));
    n++;
    positive = positive.map((wealth, index) => wealth + Math.log1p(BETS[index]! * gain));
    negative = negative.map((wealth, index) => wealth + Math.log1p(-BETS[index]! * gain));
    bestPositive = Math.max(bestPositive, logMeanExp(positive));
    bestNegative = Math.max(bestNegative, logMeanExp(negative));
  }
  return { n, positive, negative, bestPositive, bestNegative };
}

/**
 * What the pairs show at error α for each side: by Ville's inequality an e-process of a true hypothesis ever reaches
 * 1/α with probability at most α, however often one looks.
 */
export function sequentialVerdict(state: SequentialTestState, alpha: number): SequentialVerdict {
  const needed = -Math.log(alpha);
  const isNegative = state.bestNegative >= needed;
  const isPositive = !isNegative && state.bestPositive >= needed;
  return {
    verdict: isPositive ? 'positive' : isNegative ? 'negative' : 'open',
    eValue: Math.exp(logMeanExp(state.positive)),
    pValue: Math.min(1, Math.exp(-state.bestPositive)),
    n: state.n,
  };
}

function logMeanExp(logs: readonly number[]): number {
  const largest = Math.max(...logs);
  return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length);
}
