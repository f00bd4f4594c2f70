import type { ArtifactType, BatchRow } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { RatchetError } from '../../config/errors.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';

export interface BatchSizeInput {
  artifactType: ArtifactType;
  /** Originals that could be trained on, before augmentation. */
  availableExamples: number;
  /** Mean quality, 0–1. */
  avgQuality: number;
  /** Share of this type among all available examples, 0–1. */
  share: number;
  /** Change of the validation score, points (of 100) per evaluation; positive means improving. */
  trend: number;
}

export interface BatchSize {
  artifactType: ArtifactType;
  /** Examples a round trains on; 0 when it waits. */
  size: number;
  /** True when there are fewer examples than the smallest batch: they wait for the next round. */
  wait: boolean;
  available: number;
  averageQuality: number;
  factors: BatchRow['factors'];
}

/** Number of artifact types: the share of each when none is rare. */
const TYPE_COUNT = 3;
/** Points per evaluation that change the size by a whole default. */
const TREND_SCALE = 20;

/**
 * R3: how many originals of a type one round trains on (not the minibatch): `default · availability · quality · rarity ·
 * trend`, rounded, then clamped to min … max and to what is there. Opposing forces are multiplied and the clamp is last.
 * - availability √(available ÷ default), 0.5 … 2: more examples, larger batch
 * - quality 1 + target − average, 0.5 … 1.5: good examples suffice in smaller number
 * - rarity √(share × 3), 0.5 … 1.25: a rare type is used up more slowly
 * - trend 1 + points ÷ 20, 0.75 … 1.25: while it improves, take larger steps
 */
export class AdaptiveBatchManager {
  private readonly config: LoopConfig['batching'];

  constructor(config: Partial<LoopConfig['batching']> = {}) {
    this.config = { min: 20, max: 100, default: 50, targetQuality: 0.7, ...config };
  }

  /**
   * The size and its factors.
   * @throws RatchetError E_DATA_INVALID when a number is out of range, such as a quality on the scale of 0–100.
   */
  calculateOptimalBatchSize(input: BatchSizeInput): BatchSize {
    const { min, max, default: base, targetQuality } = this.config;
    const { artifactType, availableExamples: available, avgQuality, share, trend } = input;
    requireRange(artifactType, 'availableExamples', available, 0, Number.MAX_SAFE_INTEGER);
    requireRange(artifactType, 'avgQuality', avgQuality, 0, 1);
    requireRange(artifactType, 'share', share, 0, 1);
    requireRange(artifactType, 'trend', trend, -100, 100);
    const factors = {
      availability: clamp(Math.sqrt(available / base), 0.5, 2),
      quality: clamp(1 + targetQuality - avgQuality, 0.5, 1.5),
      rarity: clamp(Math.sqrt(share * TYPE_COUNT), 0.5, 1.25),
      trend: clamp(1 + trend / TREND_SCALE, 0.75, 1.25),
    };
    const wait = available < min;
    const ideal = Math.round(base * factors.availability * factors.quality * factors.rarity * factors.trend);
    const size = wait ? 0 : clamp(ideal, min, Math.min(max, available));
    return { artifactType, size, wait, available, averageQuality: avgQuality, factors };
  }

  /** R14. */
  selfTest(): SelfTestResult {
    const { min, max } = this.config;
    const middle = { artifactType: 'erd' as const, availableExamples: max, avgQuality: 0.7, share: 1 / 3, trend: 0 };
    const at = (change: Partial<BatchSizeInput>) => this.calculateOptimalBatchSize({ ...middle, ...change }).size;
    return runChecks('AdaptiveBatchManager', {
      'fewer than the minimum wait': () =>
        this.calculateOptimalBatchSize({ ...middle, availableExamples: min - 1 }).wait,
      'the size stays within its bounds': () =>
        at({}) >= min && at({ availableExamples: 100 * max, trend: 100 }) <= max,
      'higher quality needs no more': () => at({ avgQuality: 1 }) <= at({ avgQuality: 0 }),
      'a rare type takes no more': () => at({ share: 0.05 }) <= at({ share: 0.6 }),
      'an improving type takes no less': () => at({ trend: 5 }) >= at({ trend: -5 }),
    });
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function requireRange(artifactType: string, field: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return;
  throw new RatchetError(
    'E_DATA_INVALID',
    `batching: ${field} of ${artifactType} is ${value}, outside ${low} … ${high}`,
    {
      hint: 'Qualities and shares are 0–1; scores of 0–100 are divided by 100 once.',
    },
  );
}
