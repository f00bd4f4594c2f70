import type { ArmResult, ClaimMeasure } from '../../config/claims.js';
import { mean } from '../statistics/descriptive.js';

/** A number, and whether it is only a lower bound because the run ended before. */
export interface Measured {
  value: number;
  censored: boolean;
}

export interface MeasureContext {
  /** Score that counts as reached in two evaluations in a row. */
  targetScore: number;
  /** The run of the same seed that it is compared with. */
  reference: ArmResult;
}

/**
 * A measure of one run; null where the run does not hold it. What was never reached counts as the whole budget of the
 * run and is marked as censored, so that a mean over runs is the restricted mean.
 */
export function measureArm(run: ArmResult, measure: ClaimMeasure, context: MeasureContext): Measured | null {
  const exact = (value: number): Measured => ({ value, censored: false });
  switch (measure) {
    case 'labelsToTarget':
      return reach(run, context.targetScore, (round) => round.labels);
    case 'secondsToTarget':
      return reach(run, context.targetScore, (round) => round.seconds);
    case 'visitsToTarget':
      return reach(run, context.targetScore, (round) => round.rowVisits);
    case 'labelsToReference': {
      const enough = context.reference.rounds.at(-1)!.score - 1;
      const first = run.rounds.find((round) => round.score >= enough);
      return { value: (first ?? run.rounds.at(-1)!).labels, censored: first === undefined };
    }
    case 'score':
    case 'successRate':
    case 'edgeSuccessRate':
      return exact(run.test[measure]);
    case 'hardShare': {
      const shares = run.rounds.map((round) => round.hardShare).filter((share) => share !== null);
      return shares.length === 0 ? null : exact(mean(shares));
    }
    case 'scorePerLabel':
      return exact(areaPerLabel(run));
    case 'robustnessDrop':
      return exact(run.robustnessDrop);
    default:
      return null;
  }
}

/** The cost at the first of two evaluations in a row that reach the score. */
function reach(run: ArmResult, score: number, costOf: (round: ArmResult['rounds'][number]) => number): Measured {
  const { rounds } = run;
  const first = rounds.find((round, place) => round.score >= score && (rounds[place + 1]?.score ?? -1) >= score);
  return { value: costOf(first ?? rounds.at(-1)!), censored: first === undefined };
}

/** Mean score over the labels spent (trapezoids from the base model on): the area under the learning curve ÷ labels. */
function areaPerLabel({ base, rounds }: ArmResult): number {
  const points = [{ labels: 0, score: base.score }, ...rounds];
  const area = points
    .slice(1)
    .reduce(
      (sum, { labels, score }, place) => sum + ((labels - points[place]!.labels) * (score + points[place]!.score)) / 2,
      0,
    );
  return area / points.at(-1)!.labels;
}
