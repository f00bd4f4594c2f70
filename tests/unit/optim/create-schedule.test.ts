import { describe, expect, it } from 'vitest';
import {
  createSchedule,
  SCHEDULE_NAMES,
  warmupSteps,
  type ScheduleName,
  type ScheduleSpec,
} from '../../../engine/optim/schedules/create-schedule.js';

const rates = (spec: ScheduleSpec | ScheduleName, totalSteps: number, warmup: number) => {
  const schedule = createSchedule(spec, { learningRate: 1, totalSteps, warmupSteps: warmup });
  return Array.from({ length: totalSteps + 1 }, (_, step) => schedule.getLearningRate(step));
};
const close = (values: number[]) => values.map((x) => expect.closeTo(x, 12));
const half = Math.SQRT1_2;

describe('schedules by their formulas', () => {
  it.each<[ScheduleSpec | ScheduleName, number, number, number[]]>([
    ['constant', 3, 2, [1, 1, 1, 1]],
    ['constant_with_warmup', 3, 2, [0, 0.5, 1, 1]],
    ['linear', 6, 2, [0, 0.5, 1, 0.75, 0.5, 0.25, 0]],
    ['linear', 2, 0, [1, 0.5, 0]],
    ['cosine', 4, 0, [1, 0.5 + half / 2, 0.5, 0.5 - half / 2, 0]],
    [{ name: 'cosine_with_restarts', numCycles: 2 }, 4, 0, [1, 0.5, 1, 0.5, 0]],
    [{ name: 'cosine_with_min_lr', minimumRatio: 0.2 }, 2, 0, [1, 0.6, 0.2]],
    [{ name: 'cosine_with_min_lr', minimumLearningRate: 0.2 }, 2, 0, [1, 0.6, 0.2]],
    [{ name: 'polynomial', power: 2, finalLearningRate: 0.2 }, 2, 0, [1, 0.4, 0.2]],
    ['inverse_sqrt', 4, 1, [0, 1, half, 1 / Math.sqrt(3), 0.5]],
    [{ name: 'warmup_stable_decay', decaySteps: 2 }, 6, 2, [0, 0.5, 1, 1, 1, 0.5, 0]],
    [
      { name: 'warmup_stable_decay', decaySteps: 4, stableSteps: 0, decayType: '1-sqrt' },
      4,
      0,
      [1, 0.5, 1 - half, 1 - Math.sqrt(0.75), 0],
    ],
    [
      { name: 'warmup_stable_decay', decaySteps: 1, warmupType: 'cosine', minimumRatio: 0.1 },
      5,
      4,
      [0.1, 0.1 + 0.9 * (0.5 - half / 2), 0.55, 0.1 + 0.9 * (0.5 + half / 2), 1, 0.1],
    ],
    // transformers 5.23.0
    [
      { name: 'warmup_stable_decay', decaySteps: 4, stableSteps: 0, numCycles: 1.5, minimumRatio: 0.1 },
      4,
      0,
      [1.0, 0.23180194846605365, 0.5499999999999999, 0.8681980515339465, 0.1],
    ],
    [
      { name: 'cosine_with_restarts', numCycles: -0.5 },
      4,
      0,
      [1.0, 0.03806023374435663, 0.14644660940672627, 0.30865828381745514, 0.0],
    ],
  ])('%j over %i steps, %i of them warm-up', (spec, totalSteps, warmup, expected) => {
    expect(rates(spec, totalSteps, warmup)).toEqual(close(expected));
  });

  it('T11: three phases begin at the learning rate and keep their proportions', () => {
    const schedule = createSchedule('three_phase', { learningRate: 5e-3, totalSteps: 100, warmupSteps: 0 });
    expect([0, 40, 65, 100].map((step) => schedule.getLearningRate(step))).toEqual(close([5e-3, 2e-3, 5e-5, 1e-5]));
    const own = createSchedule('three_phase', { learningRate: 5e-4, totalSteps: 100, warmupSteps: 0 });
    expect([0, 40, 65, 100].map((step) => own.getLearningRate(step))).toEqual([5e-4, 2e-4, 5e-6, 1e-6]);
  });

  it('every one that needs no settings has rates for the shortest runs under the default warm-up', () => {
    for (const name of SCHEDULE_NAMES.filter((each) => each !== 'warmup_stable_decay' && each !== 'cosine_with_min_lr'))
      for (const totalSteps of [1, 2, 3, 4, 5])
        expect(rates(name, totalSteps, warmupSteps(totalSteps, 0.05)).every((rate) => rate >= 0 && rate <= 1)).toBe(
          true,
        );
    expect(rates('polynomial', 1, 1)).toEqual(close([0, 1e-7]));
    expect(rates('three_phase', 3, 1)).toEqual(rates('three_phase', 3, 0));
    expect(rates('three_phase', 5, 1)[0]).toBe(0.5);
    // The first of ten steps' phases ends before step 4.
    expect(rates('three_phase', 10, 9)).toEqual(rates('three_phase', 10, 3));
  });

  it('only three_phase remembers losses', () => {
    const frame = { learningRate: 1, totalSteps: 100, warmupSteps: 0 };
    const remembering = SCHEDULE_NAMES.filter((name) => {
      const spec = { name, decaySteps: 10, minimumRatio: 0.1 } as ScheduleSpec;
      return createSchedule(spec, frame).getState() !== null;
    });
    expect(remembering).toEqual(['three_phase']);
  });

  it.each<[string, ScheduleSpec, RegExp]>([
    ['all steps are warm-up', { name: 'polynomial' }, /all 5 steps are warm-up/],
    ['the end is above the beginning', { name: 'polynomial', finalLearningRate: 2 }, /finalLearningRate 2/],
    ['no minimum is given', { name: 'cosine_with_min_lr' }, /either minimumLearningRate or minimumRatio/],
    ['the power is negative', { name: 'polynomial', power: -1 }, /power -1 is below 0/],
    ['the timescale is 0', { name: 'inverse_sqrt', timescale: 0 }, /timescale 0 is not above 0/],
    [
      'there is no such ramp',
      { name: 'warmup_stable_decay', decaySteps: 1, decayType: 'exp' } as unknown as ScheduleSpec,
      /decayType "exp" is none of linear, cosine, 1-sqrt/,
    ],
    ['no fall is given', { name: 'warmup_stable_decay' }, /needs decaySteps/],
    ['there is no such schedule', { name: 'plateau' } as unknown as ScheduleSpec, /no schedule "plateau"/],
  ])('refuses when %s', (_, spec, message) => {
    expect(() => createSchedule(spec, { learningRate: 1, totalSteps: 5, warmupSteps: 5 })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });
});

it('rounds a warm-up share up to whole steps', () => {
  expect([warmupSteps(20, 0.05), warmupSteps(21, 0.05), warmupSteps(20, 0)]).toEqual([1, 2, 0]);
});
