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
      const budgets = bracketBudgets(leastResource, most, reductionFactor);
      const bracket = bracketOf(study, number, budgets);
      const remembered =
        options.mostResource === undefined ? { ...study, resources: { ...study.resources, most } } : study;
      return decideAmong(remembered, number, (trial) => bracketOf(study, trial.number, budgets) === bracket, {
        leastResource,
        reductionFactor,
        bootstrapCount,
        earlyStoppingRate: bracket,
      });
    },
  };
}

/** The share of trials of each bracket: ⌈B·η^s / (s + 1)⌉ with B brackets and s = B − 1 − bracket. */
export function bracketBudgets(leastResource: number, mostResource: number, reductionFactor: number): number[] {
  const brackets = Math.floor(Math.log(mostResource / leastResource) / Math.log(reductionFactor)) + 1;
  return Array.from({ length: brackets }, (_, bracket) => {
    const rungs = brackets - 1 - bracket;
    return Math.ceil((brackets * reductionFactor ** rungs) / (rungs + 1));
  });
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
