import { RatchetError } from '../../../config/errors.js';

/** A share of the base learning rate by 0-based step. */
export type LearningRateFactor = (step: number) => number;

/** Length of a run. */
export interface ScheduleFrame {
  /** Largest learning rate. */
  learningRate: number;
  /** Optimizer steps of the run. */
  totalSteps: number;
  /** Steps that rise linearly from 0; step 0 of a schedule with warm-up has learning rate 0. */
  warmupSteps: number;
}

/** What differs between schedules of one kind; a kind reads its own. */
export interface ScheduleSettings {
  /**
   * `cosine`, `cosine_with_min_lr`, and `warmup_stable_decay` in its fall as a cosine: waves (0.5: one fall);
   * `cosine_with_restarts`: falls (1).
   */
  numCycles?: number;
  /** `polynomial`: learning rate at the end (1e-7). */
  finalLearningRate?: number;
  /** `polynomial`: exponent, at least 0 (1). */
  power?: number;
  /** `inverse_sqrt`: steps, above 0, after which the rate is 1/√2; the warm-up, or 10000 without one. */
  timescale?: number;
  /** `cosine_with_min_lr`: learning rate at the end. */
  minimumLearningRate?: number;
  /** `cosine_with_min_lr`, `warmup_stable_decay`: the same as a share of the base, 0 … 1. */
  minimumRatio?: number;
  /** `warmup_stable_decay`: steps of the fall at the end. */
  decaySteps?: number;
  /** `warmup_stable_decay`: steps between warm-up and fall; what the run leaves, when left out. */
  stableSteps?: number;
  /** `warmup_stable_decay`: shape of the rise (linear). */
  warmupType?: Ramp;
  /** `warmup_stable_decay`: shape of the fall (cosine). */
  decayType?: Ramp;
}

export type Ramp = 'linear' | 'cosine' | '1-sqrt';

type Make = (frame: ScheduleFrame, settings: ScheduleSettings) => LearningRateFactor;

/** After a linear warm-up, `after` of how much of the rest is done, 0 … 1 and beyond. */
const warmedUp =
  ({ warmupSteps, totalSteps }: ScheduleFrame, after: (progress: number, step: number) => number): LearningRateFactor =>
  (step) =>
    step < warmupSteps
      ? step / Math.max(1, warmupSteps)
      : after((step - warmupSteps) / Math.max(1, totalSteps - warmupSteps), step);

const wave = (progress: number, numCycles: number) => 0.5 * (1 + Math.cos(Math.PI * numCycles * 2 * progress));

/** What is above the whole number below, as Python's `x % 1`. */
const fraction = (x: number) => x - Math.floor(x);

const ramps: Record<Ramp, { rise(progress: number): number; fall(progress: number, numCycles: number): number }> = {
  linear: { rise: (x) => x, fall: (x) => 1 - x },
  cosine: { rise: (x) => 0.5 * (1 - Math.cos(Math.PI * x)), fall: wave },
  '1-sqrt': { rise: (x) => 1 - Math.sqrt(1 - x), fall: (x) => 1 - Math.sqrt(x) },
};

/** transformers' schedules under their names in `SchedulerType`; `linear` … `warmup_stable_decay`. */
export const namedSchedules = {
  constant: () => () => 1,
  constant_with_warmup: (frame) => warmedUp(frame, () => 1),
  linear: (frame) =>
    warmedUp(frame, (_, step) =>
      Math.max(0, (frame.totalSteps - step) / Math.max(1, frame.totalSteps - frame.warmupSteps)),
    ),
  cosine: (frame, { numCycles = 0.5 }) => warmedUp(frame, (progress) => Math.max(0, wave(progress, numCycles))),
  cosine_with_restarts: (frame, { numCycles = 1 }) =>
    warmedUp(frame, (progress) => (progress >= 1 ? 0 : Math.max(0, wave(fraction(numCycles * progress), 0.5)))),
  cosine_with_min_lr: (frame, { numCycles = 0.5, minimumLearningRate, minimumRatio }) => {
    if ((minimumLearningRate === undefined) === (minimumRatio === undefined))
      throw invalid('cosine_with_min_lr', 'it needs either minimumLearningRate or minimumRatio');
    const least = minimumRatio ?? minimumLearningRate! / frame.learningRate;
    return warmedUp(frame, (progress) => Math.max(0, wave(progress, numCycles) * (1 - least) + least));
  },
  polynomial: (frame, { finalLearningRate = 1e-7, power = 1 }) => {
    const { learningRate, totalSteps, warmupSteps } = frame;
    if (finalLearningRate >= learningRate)
      throw invalid('polynomial', `finalLearningRate ${finalLearningRate} is not below the learning rate`);
    if (!(power >= 0)) throw invalid('polynomial', `power ${power} is below 0`);
    // The one step of a run is warm-up as soon as there is any: a share is rounded up.
    if (warmupSteps === totalSteps && totalSteps > 1)
      throw invalid('polynomial', `all ${totalSteps} steps are warm-up: there is none to decay in`);
    const range = learningRate - finalLearningRate;
    const decaySteps = totalSteps - warmupSteps;
    return warmedUp(frame, (_, step) => {
      if (step > totalSteps || decaySteps === 0) return finalLearningRate / learningRate;
      return (range * (1 - (step - warmupSteps) / decaySteps) ** power + finalLearningRate) / learningRate;
    });
  },
  inverse_sqrt: (frame, { timescale = frame.warmupSteps || 10_000 }) => {
    if (!(timescale > 0)) throw invalid('inverse_sqrt', `timescale ${timescale} is not above 0`);
    return warmedUp(frame, (_, step) => 1 / Math.sqrt((step + timescale - frame.warmupSteps) / timescale));
  },
  warmup_stable_decay: ({ warmupSteps, totalSteps }, settings) => {
    const { decaySteps, minimumRatio = 0, warmupType = 'linear', decayType = 'cosine', numCycles = 0.5 } = settings;
    if (decaySteps === undefined) throw invalid('warmup_stable_decay', 'it needs decaySteps');
    for (const [setting, type] of Object.entries({ warmupType, decayType }))
      if (!Object.hasOwn(ramps, type))
        throw invalid('warmup_stable_decay', `${setting} "${type}" is none of ${Object.keys(ramps).join(', ')}`);
    const fallFrom = warmupSteps + (settings.stableSteps ?? totalSteps - warmupSteps - decaySteps);
    const above = (share: number) => Math.max(0, share * (1 - minimumRatio) + minimumRatio);
    return (step) => {
      if (step < warmupSteps) return above(ramps[warmupType].rise(step / Math.max(1, warmupSteps)));
      if (step < fallFrom) return 1;
      if (step < fallFrom + decaySteps)
        return above(ramps[decayType].fall((step - fallFrom) / Math.max(1, decaySteps), numCycles));
      return minimumRatio;
    };
  },
} satisfies Record<string, Make>;

export type NamedSchedule = keyof typeof namedSchedules;

const invalid = (schedule: NamedSchedule, why: string) =>
  new RatchetError('E_CONFIG_INVALID', `schedule ${schedule}: ${why}.`, {
    hint: 'Change the schedule, its settings or the warm-up.',
  });
