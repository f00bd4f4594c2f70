import type { LoopConfig } from '../../config/loop.js';
import type { RewardRow } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';

export interface RewardInput {
  /** Validation score, 0–100. */
  score: number;
  /**
   * What the user thought of the output, 0–1: the similarity of the output and the user's correction; 1 for an explicit
   * approval, 0 for an explicit rejection. Absent when the user said nothing.
   */
  correctionSimilarity?: number;
  /** How much of that is believed, 0–1; 1 when absent. */
  opinionTrust?: number;
  /** What a thumb, a comparison or an action adds to the base, −1 … 1; 0 when absent. */
  hint?: number;
  /** Days (fractions count) between the event and the scoring; below 0 counts as 0. */
  ageDays: number;
  /** 0–1. */
  difficulty: number;
  /** Events of the same artifact type in the scored set. */
  countOfType: number;
}

export type RewardSettings = Pick<LoopConfig['reward'], 'timeDecayRate' | 'difficultyWeight' | 'balanceThreshold'>;

const SCORE_CENTRE = 70;
const SCORE_SCALE = 20;

/**
 * R1: a continuous reward, −1 … 1.
 * `base = tanh((score − 70) / 20)`; with a user's opinion `base = mean(base, 2·similarity − 1)`, the opinion weighted by
 * the trust in it; `base = clip(base + hint)`;
 * `reward = clip(base · decay^days · (base > 0 ? 1 + (weight − 1)·difficulty : 1) · √min(1, threshold / n))`.
 * Only positive rewards are amplified, and the clip comes last.
 */
export class EnhancedRewardCalculator {
  private readonly config: RewardSettings;

  constructor(config: Partial<RewardSettings> = {}) {
    this.config = { timeDecayRate: 0.95, difficultyWeight: 1.5, balanceThreshold: 100, ...config };
  }

  /**
   * The reward and its factors.
   * @throws RatchetError E_DATA_INVALID when a number is missing or out of its range.
   */
  calculateReward(input: RewardInput): Omit<RewardRow, 'eventId'> {
    requireRange('score', input.score, 0, 100);
    requireRange('difficulty', input.difficulty, 0, 1);
    requireRange('countOfType', input.countOfType, 1, Number.MAX_SAFE_INTEGER);
    requireRange('ageDays', input.ageDays, -Infinity, Number.MAX_VALUE);
    let base = Math.tanh((input.score - SCORE_CENTRE) / SCORE_SCALE);
    if (input.correctionSimilarity !== undefined) {
      requireRange('correctionSimilarity', input.correctionSimilarity, 0, 1);
      const { opinionTrust = 1 } = input;
      requireRange('opinionTrust', opinionTrust, 0, 1);
      base = (base + opinionTrust * (2 * input.correctionSimilarity - 1)) / (1 + opinionTrust);
    }
    if (input.hint !== undefined) {
      requireRange('hint', input.hint, -1, 1);
      base = Math.min(1, Math.max(-1, base + input.hint));
    }
    const ageDays = Math.max(0, input.ageDays);
    const decay = this.config.timeDecayRate ** ageDays;
    const difficultyFactor = base > 0 ? 1 + (this.config.difficultyWeight - 1) * input.difficulty : 1;
    const balanceFactor = Math.sqrt(Math.min(1, this.config.balanceThreshold / input.countOfType));
    const reward = Math.min(1, Math.max(-1, base * decay * difficultyFactor * balanceFactor));
    return { reward, base, ageDays, decay, difficultyFactor, balanceFactor };
  }

  /** R14. */
  selfTest(): SelfTestResult {
    const { timeDecayRate, balanceThreshold } = this.config;
    const at = (change: Partial<RewardInput>) =>
      this.calculateReward({ score: 80, ageDays: 0, difficulty: 0, countOfType: 1, ...change }).reward;
    return runChecks('EnhancedRewardCalculator', {
      'score 70 gives 0': () => at({ score: 70 }) === 0,
      'score 80 gives tanh(0.5)': () => at({}) === Math.tanh(0.5),
      'one day keeps the decay rate': () => Math.abs(at({ ageDays: 1 }) / at({}) - timeDecayRate) < 1e-12,
      'a negative reward is not amplified': () => at({ score: 20, difficulty: 1 }) === at({ score: 20 }),
      'a common type is worth less': () => at({ countOfType: balanceThreshold + 1 }) < at({}),
    });
  }
}

function requireRange(field: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return;
  throw new RatchetError('E_DATA_INVALID', `reward: ${field} is ${value}, outside ${low} … ${high}`, {
    hint: 'Validate feedback events with the loader before scoring them.',
  });
}
