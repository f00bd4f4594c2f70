import type { ArtifactType } from '../../config/domain.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';
import { findFailurePatterns, type FailurePattern } from './failure-patterns.js';

/** One answer of the model and how it did. */
export interface Outcome {
  id: string;
  artifactType: ArtifactType;
  input: string;
  output: string;
  /** 0–100. */
  score: number;
  /** 0–1. */
  difficulty: number;
}

/** Scores below this are failures; distinct from success (70), progression (75) and the target (80). */
export const FAILURE_THRESHOLD = 60;

/** R10: remembers what the model fails at, hands it back hardest first, and says what failures have in common. */
export class HardNegativeMiner<T extends Outcome = Outcome> {
  private readonly failures = new Map<string, T>();
  private readonly successes = new Map<string, T>();

  /** Remembers an outcome scored below {@link FAILURE_THRESHOLD} and returns true; leaves any other alone. */
  recordFailure(outcome: T): boolean {
    if (!(outcome.score < FAILURE_THRESHOLD)) return false;
    this.failures.set(outcome.id, outcome);
    return true;
  }

  /** Records a failure as a failure and anything else as the contrast that patterns are measured against. */
  recordOutcome(outcome: T): void {
    if (!this.recordFailure(outcome)) this.successes.set(outcome.id, outcome);
  }

  /** Up to `limit` failures of a type: the most difficult first, then the lowest score, then by id. */
  getHardNegatives(artifactType: ArtifactType, limit = 20): T[] {
    return [...this.failures.values()]
      .filter((failure) => failure.artifactType === artifactType)
      .sort((a, b) => b.difficulty - a.difficulty || a.score - b.score || (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  /** Words, word pairs and lengths over-represented among the failures of a type, the surest first. */
  analyzePatterns(artifactType: ArtifactType, limit = 10): FailurePattern[] {
    const inputs = (outcomes: ReadonlyMap<string, T>) =>
      [...outcomes.values()].filter((outcome) => outcome.artifactType === artifactType).map((outcome) => outcome.input);
    return findFailurePatterns(inputs(this.failures), inputs(this.successes)).slice(0, limit);
  }

  /** R14. Works on a miner of its own. */
  selfTest(): SelfTestResult {
    const miner = new HardNegativeMiner();
    for (let index = 0; index < 30; index++) {
      const failed = index % 3 === 0;
      miner.recordOutcome({
        id: `o${index}`,
        artifactType: 'erd',
        input: failed ? `entity ${index} is weak` : `entity ${index} is plain`,
        output: '',
        score: failed ? 40 : 90,
        difficulty: index / 30,
      });
    }
    const outcome = { id: 'x', artifactType: 'erd' as const, input: '', output: '', difficulty: 0 };
    return runChecks('HardNegativeMiner', {
      'a score of 60 is no failure, 59.9 is one': () =>
        !new HardNegativeMiner().recordFailure({ ...outcome, score: 60 }) &&
        new HardNegativeMiner().recordFailure({ ...outcome, score: 59.9 }),
      'the hardest comes first': () =>
        miner
          .getHardNegatives('erd', 2)
          .map((row) => row.id)
          .join() === 'o27,o24',
      'the planted word is named': () => miner.analyzePatterns('erd')[0]?.feature.includes('weak') === true,
    });
  }
}
