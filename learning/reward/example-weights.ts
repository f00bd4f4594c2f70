import type { ArtifactType, ExampleRow } from '../../config/domain.js';
import { ageReference } from './as-of.js';
import { EnhancedRewardCalculator, type RewardSettings } from './enhanced-reward-calculator.js';
import { MILLISECONDS_PER_DAY, timeOf } from './score-rewards.js';

/** What is left of an example whose clock was decades behind. */
const LEAST = 1e-9;

/**
 * How much the feedback behind each example counts today, above 0 … difficultyWeight: what R1 multiplies an event's base by,
 * its decay, difficulty and balance. (The base says how the answer fared, in whose place a label stands.) Ages are
 * counted to the newest example, so that those of earlier rounds go on ageing; variants do not count in the balance.
 */
export function exampleWeights(examples: readonly ExampleRow[], config: RewardSettings): (row: ExampleRow) => number {
  const calculator = new EnhancedRewardCalculator(config);
  const timed = examples.flatMap(({ ts }) => (ts === undefined ? [] : { ts }));
  const asOf = timed.length === 0 ? 0 : timeOf(ageReference(timed), 'the newest example');
  const counts = new Map<ArtifactType, number>();
  for (const { artifactType, parentId } of examples)
    if (parentId === undefined) counts.set(artifactType, (counts.get(artifactType) ?? 0) + 1);
  return ({ id, ts, difficulty, artifactType }) => {
    const { decay, difficultyFactor, balanceFactor } = calculator.calculateReward({
      score: 100,
      ageDays: ts === undefined ? 0 : (asOf - timeOf(ts, `example ${id}`)) / MILLISECONDS_PER_DAY,
      difficulty,
      countOfType: counts.get(artifactType) ?? 1,
    });
    return Math.max(LEAST, decay * difficultyFactor * balanceFactor);
  };
}
