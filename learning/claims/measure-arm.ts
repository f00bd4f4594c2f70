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
    case 'labelsToSuccess':
      return reach(run, context, (round) => round.labels, hasSucceeded);
    case 'secondsToTarget':
      return reach(run, context, (round) => round.seconds);
    case 'visitsToTarget':
      return reach(run, context, (round) => round.rowVisits);
    case 'operationsToTarget':
      return isCounted(run, context) ? reach(run, context, operationsOf) : null;
    case 'labelsToReference': {
      const enough = context.other.rounds.at(-1)!.score - 1;
      const first = run.rounds.find((round) => round.score >= enough);
      return first === undefined
        ? { value: Math.max(...budgets(run, context.other, (round) => round.labels)), censored: true }
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
      return exact(areaPer(run, (round) => round.labels, Infinity));
    case 'scorePerOperation':
      return isCounted(run, context)
        ? exact(areaPer(run, operationsOf, Math.min(...budgets(run, context.other, operationsOf))))
        : null;
    case 'rewordedScore':
    case 'robustnessDrop':
      return exact(run[measure]);
    default:
      return null;
  }
}

/** The cost at the first of two evaluations in a row that reach the score, or what is asked for instead. */
function reach(
  run: ArmResult,
  { targetScore, other }: MeasureContext,
  costOf: (round: ArmRound) => number,
  reaches = (round: ArmRound) => round.score >= targetScore,
): Measured {
  const { rounds } = run;
  const first = rounds.find((round, place) => reaches(round) && rounds.slice(place + 1, place + 2).some(reaches));
  return first === undefined
    ? { value: Math.max(...budgets(run, other, costOf)), censored: true }
    : { value: costOf(first), censored: false };
}

/** Share of answers with at least 70 points. */
const TARGET_SUCCESS = 0.8;
const hasSucceeded = ({ successRate }: ArmRound): boolean => successRate >= TARGET_SUCCESS;

const budgets = (run: ArmResult, other: ArmResult, costOf: (round: ArmRound) => number): number[] =>
  [run, other].map(({ rounds }) => costOf(rounds.at(-1)!));

const operationsOf = (round: ArmRound): number => round.operations!;

const isCounted = (run: ArmResult, { other }: MeasureContext): boolean =>
  [run, other].every(({ rounds }) => rounds.every(({ operations }) => operations !== undefined));

/** Mean score over the cost (trapezoids from the base model on), up to a limit: the area under the learning curve ÷ cost. */
function areaPer({ base, rounds }: ArmResult, costOf: (round: ArmRound) => number, limit: number): number {
  let [area, cost, score] = [0, 0, base.score];
  for (const round of rounds) {
    const width = costOf(round) - cost;
    const share = width === 0 ? 1 : Math.min(1, (limit - cost) / width);
    const end = score + share * (round.score - score);
    area += (share * width * (score + end)) / 2;
    [cost, score] = [cost + share * width, end];
    if (share < 1) break;
  }
  return cost === 0 ? base.score : area / cost;
}
