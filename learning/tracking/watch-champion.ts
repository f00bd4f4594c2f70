import type { ArtifactType, FeedbackEvent } from '../../config/domain.js';
import {
  observeDifferences,
  sequentialVerdict,
  startSequentialTest,
  type SequentialTestState,
} from '../statistics/sequential-test.js';

/** A comparison of the users' scores before and after a promotion; plain data. */
export interface ChampionWatch {
  /** Events of each artifact type that are paired already. */
  paired: Partial<Record<ArtifactType, number>>;
  test: SequentialTestState;
}

export interface WatchVerdict {
  /** `worse`: bring the former champion back; `holds`: all pairs are used up without proof of that; `open`: go on. */
  verdict: 'worse' | 'holds' | 'open';
  watch: ChampionWatch;
  /** Pairs compared so far, and the mean difference (new − former, points) of the pairs of this call. */
  pairs: number;
  meanDifference: number;
}

type Scored = Pick<FeedbackEvent, 'artifact_type' | 'validation_score'>;

/** The watch right after a promotion. */
export function startWatch(): ChampionWatch {
  return { paired: {}, test: startSequentialTest() };
}

/**
 * Whether live feedback has worsened since a promotion. The events on the new champion's answers are paired, within
 * their artifact type and in order of arrival, with those of the round that promoted it, which the former champion had
 * answered; a betting test on the differences may be looked at after every round without raising its error `alpha`. Each
 * former event is used once: when they run out, the champion holds.
 */
export function watchChampion(
  watch: ChampionWatch,
  former: readonly Scored[],
  events: readonly Scored[],
  alpha: number,
): WatchVerdict {
  const paired = { ...watch.paired };
  const waiting = new Map<ArtifactType, number[]>();
  for (const { artifact_type: type, validation_score: score } of former) {
    const scores = waiting.get(type);
    if (scores === undefined) waiting.set(type, [score]);
    else scores.push(score);
  }
  const differences: number[] = [];
  for (const { artifact_type: type, validation_score: score } of events) {
    const before = waiting.get(type)?.[paired[type] ?? 0];
    if (before === undefined) continue;
    paired[type] = (paired[type] ?? 0) + 1;
    differences.push(score - before);
  }
  const test = observeDifferences(watch.test, differences, { range: 100 });
  const isUsedUp = [...waiting].every(([type, scores]) => (paired[type] ?? 0) >= scores.length);
  const isWorse = sequentialVerdict(test, alpha).verdict === 'negative';
  return {
    verdict: isWorse ? 'worse' : isUsedUp ? 'holds' : 'open',
    watch: { paired, test },
    pairs: test.n,
    meanDifference:
      differences.length === 0 ? 0 : differences.reduce((sum, value) => sum + value, 0) / differences.length,
  };
}
