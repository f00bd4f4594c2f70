import type { ArmResult, ArmRound } from '../../../config/claims.js';

/** A run whose measuring score follows the list, 100 labels, 1,000 rows, 10⁶ operations and 10 seconds a round. */
export function run(arm: string, seed: number, scores: readonly number[], changes: Partial<ArmResult> = {}): ArmResult {
  const at = (score: number) => ({ score, successRate: score / 100, edgeSuccessRate: score / 200 });
  const rounds = scores.map((score, place): ArmRound => ({
    ...at(score),
    round: place + 1,
    labels: 100 * (place + 1),
    trained: true,
    promoted: true,
    reason: '',
    steps: 10,
    rowVisits: 1000 * (place + 1),
    operations: 1e6 * (place + 1),
    seconds: 10 * (place + 1),
    hardShare: 0.1 * (place + 1),
  }));
  return {
    key: `${arm}-${seed}`,
    tier: 'smoke',
    arm,
    seed,
    base: at(40),
    baseTest: at(40),
    rounds,
    test: at(scores.at(-1)!),
    rewordedScore: scores.at(-1)! - 5,
    robustnessDrop: 5,
    byType: {},
    machine: { cpus: 2, loadAtStart: 1, loadAtEnd: 1 },
    ...changes,
  };
}
