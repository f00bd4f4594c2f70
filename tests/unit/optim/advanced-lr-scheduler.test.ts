import { describe, expect, it } from 'vitest';
import { AdvancedLRScheduler, THREE_PHASES } from '../../../engine/optim/schedules/advanced-lr-scheduler.js';

const scheduler = (options: Partial<ConstructorParameters<typeof AdvancedLRScheduler>[0]> = {}) =>
  new AdvancedLRScheduler({ totalSteps: 2000, ...options });
const rates = (subject: AdvancedLRScheduler, steps = 2001) =>
  Array.from({ length: steps }, (_, step) => subject.getLearningRate(step));

describe('AdvancedLRScheduler', () => {
  it('T11: meets the end points of its three phases exactly', () => {
    const subject = scheduler();
    expect([0, 800, 1300, 2000, 5000].map((step) => subject.getLearningRate(step))).toEqual([
      5e-4, 2e-4, 5e-6, 1e-6, 1e-6,
    ]);
  });

  it.each(['cosine', 'linear', 'exponential'] as const)(
    'T11: is continuous, falling and positive (%s)',
    (interpolation) => {
      const all = rates(scheduler({ interpolation }));
      expect(Math.min(...all)).toBeGreaterThan(0);
      const falls = all.slice(1).map((rate, step) => all[step]! - rate);
      // The steepest shape falls by π/2 · range / length a step (cosine), or 1 − (5e-6 / 2e-4)^(1 / 500) of the rate.
      expect(Math.max(...falls)).toBeLessThan(2e-6);
      expect(Math.min(...falls)).toBeGreaterThanOrEqual(0);
    },
  );

  it('T11: has no kink at a boundary: the change of a step vanishes there', () => {
    const subject = scheduler();
    for (const boundary of [800, 1300]) {
      const [before, at, after] = [-1, 0, 1].map((offset) => subject.getLearningRate(boundary + offset));
      expect(before! - at!).toBeLessThan(2e-8);
      expect(at! - after!).toBeLessThan(2e-8);
    }
  });

  it('T11: rises to the first phase in its warm-up, without ever being 0', () => {
    const subject = scheduler({ warmupSteps: 99 });
    expect(subject.getLearningRate(0)).toBeCloseTo(5e-6, 12);
    expect(subject.getLearningRate(49)).toBeCloseTo(2.5e-4, 12);
    expect(subject.getLearningRate(99)).toBe(5e-4);
    expect(subject.getLearningRate(800)).toBe(2e-4);
    expect(subject.getPhaseInfo(50)).toMatchObject({ phaseName: 'Exploration', warmingUp: true });
  });

  it('T11: takes other phases, and refuses phases that do not meet', () => {
    const phases = [
      { name: 'hot', strategy: 'a', from: 1, to: 0.5, until: 0.5 },
      { name: 'cold', strategy: 'b', from: 0.5, to: 0.1, until: 1 },
    ];
    const subject = scheduler({ totalSteps: 10, phases, interpolation: 'linear' });
    expect(rates(subject, 11)).toEqual(
      [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.42, 0.34, 0.26, 0.18, 0.1].map((x) => expect.closeTo(x, 12)),
    );
    const broken = [phases[0]!, { ...phases[1]!, from: 0.4 }];
    expect(() => scheduler({ phases: broken })).toThrow(/"cold" begins at 0.4, but "hot" ends at 0.5/);
    expect(() => scheduler({ phases: phases.slice(0, 1) })).toThrow(/"hot" ends at 0.5, not at 1/);
    expect(() => scheduler({ warmupSteps: 800 })).toThrow(/800 warm-up steps/);
    expect(() => scheduler({ totalSteps: 0 })).toThrow(/0 is no number of steps/);
  });

  it('T11: a stalled loss lowers the learning rate from the next step on; a falling one does not', () => {
    const adaptive = { patience: 5, smoothing: 0, factor: 0.5 };
    const [stalled, falling] = [scheduler({ adaptive }), scheduler({ adaptive })];
    const plain = scheduler({ adaptive: false });
    const cuts = Array.from({ length: 12 }, (_, step) => stalled.observe(step, 2));
    Array.from({ length: 12 }, (_, step) => falling.observe(step, 2 * 0.9 ** step));
    expect(cuts.flatMap((cut, step) => (cut ? [step] : []))).toEqual([5, 10]);
    expect(stalled.getLearningRate(5)).toBe(plain.getLearningRate(5));
    expect(stalled.getLearningRate(6)).toBe(plain.getLearningRate(6) / 2);
    expect(stalled.getLearningRate(11)).toBe(plain.getLearningRate(11) / 4);
    expect(stalled.getPhaseInfo(11).reductions).toBe(2);
    expect(rates(falling)).toEqual(rates(plain));
  });

  it('T11: never cuts below the least rate, nor to 0', () => {
    const subject = scheduler({ adaptive: { patience: 1, smoothing: 0, minimumLearningRate: 3e-6 } });
    for (let step = 0; step < 200; step++) subject.observe(step, 1);
    expect(subject.getLearningRate(300)).toBe(3e-6);
    // The schedule itself may lie lower.
    expect(subject.getLearningRate(2000)).toBe(1e-6);
  });

  it('T11: goes on from its stored state as if nothing had happened', () => {
    const adaptive = { patience: 7, smoothing: 0.5 };
    const loss = (step: number) => 1 + Math.sin(step) / (step + 5);
    const run = (subject: AdvancedLRScheduler, from: number, to: number) => {
      const seen = [];
      for (let step = from; step < to; step++) {
        seen.push(subject.getLearningRate(step));
        subject.observe(step, loss(step));
      }
      return seen;
    };
    const whole = scheduler({ adaptive });
    const expected = run(whole, 0, 300);
    expect(whole.getState().reductions.length).toBeGreaterThan(2);
    const first = scheduler({ adaptive });
    const begun = run(first, 0, 123);
    const second = scheduler({ adaptive });
    second.setState(JSON.parse(JSON.stringify(first.getState())) as ReturnType<typeof first.getState>);
    expect([...begun, ...run(second, 123, 300)]).toEqual(expected);
  });

  it('T12: says name, boundaries, duration, range and strategy of a phase', () => {
    const subject = scheduler();
    expect(subject.getPhaseInfo(900)).toEqual({
      phaseName: 'Exploitation',
      phaseIndex: 1,
      boundaries: { start: 800, end: 1300 },
      duration: 500,
      learningRateRange: { start: 2e-4, end: 5e-6 },
      strategy: THREE_PHASES[1]!.strategy,
      step: 900,
      progress: 0.2,
      learningRate: subject.getLearningRate(900),
      warmingUp: false,
      reductions: 0,
    });
    subject.getLearningRate(1999);
    expect(subject.getPhaseInfo()).toMatchObject({ phaseName: 'Refinement', step: 1999 });
    expect([0, 799, 800, 1299, 1300, 1999].map((step) => subject.getPhaseInfo(step).phaseIndex)).toEqual([
      0, 0, 1, 1, 2, 2,
    ]);
  });
});
