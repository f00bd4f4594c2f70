import { RatchetError } from '../../../config/errors.js';
import { AdvancedLRScheduler, THREE_PHASES, type AdvancedScheduleConfig } from './advanced-lr-scheduler.js';
import { namedSchedules, type NamedSchedule, type ScheduleFrame, type ScheduleSettings } from './named-schedules.js';

/** A schedule by name, with what differs from its defaults. */
export type ScheduleSpec =
  | ({ name: NamedSchedule } & ScheduleSettings)
  | ({ name: 'three_phase' } & Omit<AdvancedScheduleConfig, 'totalSteps' | 'warmupSteps'>);

export type ScheduleName = ScheduleSpec['name'];

export const SCHEDULE_NAMES: readonly ScheduleName[] = [
  ...(Object.keys(namedSchedules) as NamedSchedule[]),
  'three_phase',
];

/** The learning rate of each step of a run. */
export interface LearningRateSchedule {
  /** @param step 0-based */
  getLearningRate(step: number): number;
  /** Takes the loss of a step; a schedule that adapts to it says true when it cut the rate. */
  observe(step: number, loss: number): boolean;
  /** What a checkpoint must keep; null for a function of the step alone. */
  getState(): unknown;
  setState(state: unknown): void;
}

/**
 * The schedule of this name. The phases of `three_phase` have their own rates; they are scaled so that the largest, the
 * beginning of the first phase, is the run's learning rate, unless `phases` are given. Its warm-up is cut to
 * what its first phase has room for: in a run of a few steps, a share that is rounded up to whole steps may have none.
 *
 * @throws RatchetError `E_CONFIG_INVALID` naming an unknown schedule, or what in its settings cannot be
 */
export function createSchedule(spec: ScheduleSpec | ScheduleName, frame: ScheduleFrame): LearningRateSchedule {
  const asked: ScheduleSpec = typeof spec === 'string' ? { name: spec } : spec;
  if (asked.name === 'three_phase') {
    const { name: _, ...settings } = asked;
    const { totalSteps, warmupSteps, learningRate } = frame;
    const phases = settings.phases ?? scaledPhases(learningRate);
    const scheduler = (warmup: number) =>
      new AdvancedLRScheduler({ ...settings, phases, totalSteps, warmupSteps: warmup });
    const room = Math.max(0, scheduler(0).phases[0]!.end - 1);
    return scheduler(Math.min(warmupSteps, room)) as LearningRateSchedule;
  }
  const { name, ...settings } = asked;
  if (!Object.hasOwn(namedSchedules, name))
    throw new RatchetError('E_CONFIG_INVALID', `There is no schedule "${String(name)}".`, {
      hint: `Choose one of ${SCHEDULE_NAMES.join(', ')}.`,
    });
  const factor = namedSchedules[name](frame, settings);
  return {
    getLearningRate: (step) => frame.learningRate * factor(step),
    observe: () => false,
    getState: () => null,
    setState: () => undefined,
  };
}

/** {@link THREE_PHASES} with this rate at the beginning of the first. */
function scaledPhases(learningRate: number) {
  const largest = THREE_PHASES[0]!.from;
  const scaled = (rate: number) => (rate === largest ? learningRate : (rate / largest) * learningRate);
  return THREE_PHASES.map((phase) => ({ ...phase, from: scaled(phase.from), to: scaled(phase.to) }));
}

/** Warm-up steps of a run: the ratio's share rounded up, as transformers' `TrainingArguments.warmup_ratio`. */
export const warmupSteps = (totalSteps: number, ratio: number): number => Math.ceil(totalSteps * ratio);
