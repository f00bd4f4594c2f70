import type { Pruner } from './pruner.js';
import type { Study } from './study.js';
import { completeSteps, decideAmong } from './successive-halving-pruner.js';

export interface HyperbandOptions {
  /** Step of the lowest rung. Default 1. */
  leastResource?: number;
  /** Steps of a whole trial; default one more than the last step of the first complete trial. */
  mostResource?: number;
  /** Default 3. */
  reductionFactor?: number;
  bootstrapCount?: number;
}

/**
 * Hyperband (Li et al. 2018) over asynchronous successive halving: each trial belongs to a bracket, and bracket b skips
 * the b lowest rungs, so that a bad start costs a trial its life only in the low brackets.
 */
export function createHyperbandPruner(options: HyperbandOptions = {}): Pruner {
  const { leastResource = 1, reductionFactor = 3, bootstrapCount = 0 } = options;
  return {
    name: 'hyperband',
    decide(study, number) {
      const steps = completeSteps(study);
      const most =
        options.mostResource ?? study.resources?.most ?? (steps.length === 0 ? null : Math.max(...steps) + 1);
      if (most === null) return { prune: false, study };
      const remembered =
        options.mostResource === undefined ? { ...study, resources: { ...study.resources, most } } : study;
      const budgets = bracketBudgets(leastResource, most, reductionFactor);
      if (budgets.length === 0) return { prune: false, study: remembered };
      const bracket = bracketOf(study, number, budgets);
      return decideAmong(remembered, number, (trial) => bracketOf(study, trial.number, budgets) === bracket, {
        leastResource,
        reductionFactor,
        bootstrapCount,
        earlyStoppingRate: bracket,
      });
    },
  };
}

/**
 * The share of trials of each bracket: ⌈B·η^s / (s + 1)⌉ with B = ⌊ln(most / least) / ln η⌋ + 1 brackets and
 * s = B − 1 − bracket; none when a whole trial is shorter than the lowest rung.
 */
export function bracketBudgets(leastResource: number, mostResource: number, reductionFactor: number): number[] {
  const brackets = Math.floor(log(mostResource / leastResource) / log(reductionFactor)) + 1;
  return Array.from({ length: brackets }, (_, bracket) => {
    const rungs = brackets - 1 - bracket;
    return Math.ceil((brackets * reductionFactor ** rungs) / (rungs + 1));
  });
}

/**
 * ln x. V8's ln 3 is one unit in the last place too small, and with it 3^5 steps at η = 3 would make six brackets where
 * Optuna's quotient, 4.999…, makes five.
 */
function log(x: number): number {
  return x === 3 ? 1.0986122886681098 : Math.log(x);
}

/** The bracket of a trial: a hash of study and number, so that every process agrees without asking. */
export function bracketOf(study: Pick<Study, 'name'>, number: number, budgets: readonly number[]): number {
  const total = budgets.reduce((sum, budget) => sum + budget, 0);
  let place = crc32(new TextEncoder().encode(`${study.name}_${number}`)) % total;
  for (const [bracket, budget] of budgets.entries()) {
    if (place < budget) return bracket;
    place -= budget;
  }
  return 0;
}

/** CRC-32 (ISO 3309) of bytes, as an unsigned integer. */
function crc32(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  }
  return ~remainder >>> 0;
}
