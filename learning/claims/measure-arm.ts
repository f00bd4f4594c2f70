import type { ArmResult, ArmRound, ClaimMeasure } from '../../config/claims.js';
import type { ArtifactType } from '../../config/domain.js';
import { mean } from '../statistics/descriptive.js';

/** A number, and whether it is only a lower bound because the run ended before. */
export interface Measured {
  value: number;
  censored: boolean;
}

export interface MeasureContext {
  /** Score that counts as reached in two evaluations in a row. */
  targetScore: number;
  /** The run of the same seed on the other side. */
  other: ArmResult;
  /** Scores on this type alone. */
  artifactType?: ArtifactType | undefined;
}

/**
 * A measure of one run; null where the run does not hold it. What was never reached is marked as censored and counts as
 * the larger budget of the two sides: a mean over runs is the restricted mean, both sides are restricted alike, and a run
 * that gave up early gains nothing by it.
 */
export function measureArm(run: ArmResult, measure: ClaimMeasure, context: MeasureContext): Measured | null {
  const exact = (value: number): Measured => ({ value, censored: false });
  switch (measure) {
    case 'labelsToTarget':
      return reach(run, context, (round) => round.labels);
    case 'secondsToTarget':
      return reach(run, context, (round) => round.seconds);
    case 'visitsToTarget':
      return reach(run, context, (round) => round.rowVisits);
    case 'labelsToReference': {
      const enough = context.other.rounds.at(-1)!.score - 1;
      const first = run.rounds.find((round) => round.score >= enough);
      return first === undefined
        ? { value: budgetOfBoth(run, context.other, (round) => round.labels), censored: true }
        : exact(first.labels);
    }
    case 'score': {
      const { artifactType } = context;
      const score = artifactType === undefined ? run.test.score : run.byType[artifactType];
      return score === undefined ? null : exact(score);
    }
    case 'successRate':
    case 'edgeSuccessRate':
      return exact(run.test[measure]);
    case 'hardShare': {
      const shares = run.rounds.map((round) => round.hardShare).filter((share) => share !== null);
      return shares.length === 0 ? null : exact(mean(shares));
    }
    case 'scorePerLabel':
      return exact(areaPerLabel(run));
    case 'rewordedScore':
    case 'robustnessDrop':
      return exact(run[measure]);
    default:
      return null;
  }
}

/** The cost at the first of two evaluations in a row that reach the score. */
function reach(run: ArmResult, { targetScore, other }: MeasureContext, costOf: (round: ArmRound) => number): Measured {
  const { rounds } = run;
  const reaches = (place: number) => (rounds[place]?.score ?? -1) >= targetScore;
  const first = rounds.find((_, place) => reaches(place) && reaches(place + 1));
  return first === undefined
    ? { value: budgetOfBoth(run, other, costOf), censored: true }
    : { value: costOf(first), censored: false };
}

function budgetOfBoth(run: ArmResult, other: ArmResult, costOf: (round: ArmRound) => number): number {
  return Math.max(...[run, other].map(({ rounds }) => costOf(rounds.at(-1)!)));
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
