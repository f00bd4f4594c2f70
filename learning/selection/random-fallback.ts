import { stream } from '../../config/random.js';
import { mean } from '../statistics/descriptive.js';
import { oneSampleTTest } from '../statistics/t-tests.js';
import { selectCandidates, type CandidatePool } from './strategies/select-candidates.js';
import type { StrategyName } from './strategies/strategies.js';

/** What the comparison of a strategy with random selection has shown; plain data. */
export interface FallbackState {
  /** Mean yield of the strategy's labels less that of the random ones, of the last rounds, oldest first. */
  gains: number[];
  /** Rounds recorded. */
  rounds: number;
}

/**
 * `trial`: too few rounds to tell; `strategy`: better than random on the last rounds; `random`: not shown to be better;
 * `probe`: shown to be worse.
 */
export type FallbackMode = 'trial' | 'strategy' | 'random' | 'probe';

/** Share of the budget that the strategy spends; the rest is drawn at random. Never 0 or 1: both must be compared. */
const STRATEGY_SHARE: Record<FallbackMode, number> = { trial: 0.5, strategy: 0.8, random: 0.2, probe: 0.05 };
/** Rounds before a verdict, and rounds a verdict looks back on. */
const TRIAL_ROUNDS = 4;
const WINDOW = 12;
/** One-sided p-value below which the strategy counts as better, or worse. Lenient: a mistake lasts until the window moves on. */
const LEVEL = 0.1;

/** The state before the first round. */
export function startFallback(): FallbackState {
  return { gains: [], rounds: 0 };
}

/**
 * Whether the strategy may lead: a one-sided t-test of its gains over the random slice, paired by round, on the last 12
 * rounds. Unless it is shown to be better, random selection leads and the strategy keeps a part, so that it can come
 * back. A useless strategy costs nothing against random selection, a harmful one its small probe.
 */
export function fallbackMode({ gains, rounds }: FallbackState): FallbackMode {
  if (rounds < TRIAL_ROUNDS) return 'trial';
  const isConstant = gains.every((gain) => gain === gains[0]);
  const { less, greater } = isConstant ? certain(gains[0]!) : oneSampleTTest(gains).p;
  if (greater < LEVEL) return 'strategy';
  return less < LEVEL ? 'probe' : 'random';
}

/** One-sided p-values of gains without any noise. */
function certain(gain: number): { less: number; greater: number } {
  return { less: gain < 0 ? 0 : 1, greater: gain > 0 ? 0 : 1 };
}

/** How many of `size` labels the strategy chooses; at least one, when there are two or more. */
export function strategyLabels(mode: FallbackMode, size: number): number {
  return Math.max(Math.min(1, size - 1), Math.round(size * STRATEGY_SHARE[mode]), 0);
}

/**
 * The state after a round.
 * @param strategyYields worth of each label the strategy asked for, e.g. how much its example improved the model
 * @param randomYields the same of the random slice; a round in which either is empty tells nothing
 */
export function recordYields(
  state: FallbackState,
  strategyYields: readonly number[],
  randomYields: readonly number[],
): FallbackState {
  if (strategyYields.length === 0 || randomYields.length === 0) return state;
  const gain = mean(strategyYields) - mean(randomYields);
  return { gains: [...state.gains, gain].slice(-WINDOW), rounds: state.rounds + 1 };
}

export interface FallbackOptions {
  budget: number;
  seed: number;
  state: FallbackState;
}

/** What was chosen and by whom, each best first; the two lists share no candidate. */
export interface FallbackChoice {
  mode: FallbackMode;
  strategy: string[];
  random: string[];
}

/** {@link splitWithFallback} with a strategy of the literature. */
export function selectWithFallback(name: StrategyName, pool: CandidatePool, options: FallbackOptions): FallbackChoice {
  const { seed } = options;
  return splitWithFallback(pool.ids, (budget) => selectCandidates(name, pool, { budget, seed }), options);
}

/**
 * One round's choice: first the seeded random slice, uniform over the whole pool, then the strategy's picks among the
 * others. Together `budget` candidates, or all.
 * @param pick the strategy: so many different ids, or all, best first
 */
export function splitWithFallback(
  ids: readonly string[],
  pick: (budget: number) => string[],
  options: FallbackOptions,
): FallbackChoice {
  const { budget, seed, state } = options;
  const mode = fallbackMode(state);
  const size = Math.min(budget, ids.length);
  const strategyCount = strategyLabels(mode, size);
  const slice = stream(seed, 'selection', 'random-slice').integer(2 ** 31);
  const random = selectCandidates('random', { ids }, { budget: size - strategyCount, seed: slice });
  const isTaken = new Set(random);
  // The slice holds size − strategyCount at most, so that enough of `size` picks are left without it.
  const picks = pick(size).filter((id) => !isTaken.has(id));
  return { mode, strategy: picks.slice(0, strategyCount), random };
}
