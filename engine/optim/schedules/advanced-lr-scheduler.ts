import { RatchetError } from '../../../config/errors.js';

/** A stretch of the run in which the learning rate goes from one value to another. */
export interface SchedulePhase {
  name: string;
  /** What the phase is for, in a sentence. */
  strategy: string;
  from: number;
  to: number;
  /** Share of the run at which it ends, 0 … 1; the last phase ends at 1. */
  until: number;
}

/** When a loss that no longer falls lowers the learning rate. Counted in observed losses. */
export interface AdaptiveReduction {
  /** Observations without improvement before a cut. */
  patience: number;
  /** Share of the learning rate that a cut leaves, 0 … 1. */
  factor: number;
  /** Share of the best loss by which a loss must be lower to count as better. */
  threshold: number;
  /** Weight of the past in the running mean of the losses, 0 … below 1; training losses are noisy. */
  smoothing: number;
  /** Cuts never go below this. */
  minimumLearningRate: number;
}

export interface AdvancedScheduleConfig {
  /** Optimizer steps of the run. */
  totalSteps: number;
  /** Steps of a linear rise to the first phase's `from`, part of the first phase; 0 when left out. */
  warmupSteps?: number;
  /** {@link THREE_PHASES} when left out. Each begins where the one before ends. */
  phases?: readonly SchedulePhase[];
  /** `cosine` (default) has no kink between phases; `exponential` falls by the same share each step. */
  interpolation?: 'cosine' | 'linear' | 'exponential';
  /** What differs from {@link ADAPTIVE}; false never cuts. */
  adaptive?: Partial<AdaptiveReduction> | false;
}

/** What holds at one step. */
export interface PhaseInfo {
  phaseName: string;
  /** From 0. */
  phaseIndex: number;
  /** First step of the phase, and the step at which the next begins. */
  boundaries: { start: number; end: number };
  /** Steps. */
  duration: number;
  learningRateRange: { start: number; end: number };
  strategy: string;
  step: number;
  /** Share of the phase that is done, 0 … 1. */
  progress: number;
  learningRate: number;
  warmingUp: boolean;
  /** Cuts so far. */
  reductions: number;
}

/** What a checkpoint keeps. */
export interface AdvancedScheduleState {
  observations: number;
  mean: number;
  best: number | null;
  stale: number;
  /** The cut holds from this step on. */
  reductions: { step: number; loss: number }[];
}

export const THREE_PHASES: readonly SchedulePhase[] = [
  {
    name: 'Exploration',
    strategy: 'Large steps that find a good region quickly.',
    from: 5e-4,
    to: 2e-4,
    until: 0.4,
  },
  {
    name: 'Exploitation',
    strategy: 'Falling steps that settle into the region that was found.',
    from: 2e-4,
    to: 5e-6,
    until: 0.65,
  },
  { name: 'Refinement', strategy: 'Small steps that polish without forgetting.', from: 5e-6, to: 1e-6, until: 1 },
];

export const ADAPTIVE: AdaptiveReduction = {
  patience: 100,
  factor: 0.5,
  threshold: 1e-3,
  smoothing: 0.9,
  minimumLearningRate: 1e-7,
};

const shapes = {
  cosine: (from: number, to: number, x: number) => to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * x)),
  linear: (from: number, to: number, x: number) => from + (to - from) * x,
  exponential: (from: number, to: number, x: number) => from * (to / from) ** x,
};

/**
 * The learning rate in phases: exploration, exploitation, refinement. It is continuous and positive, meets the phases' end
 * points exactly at their boundaries, and is cut when the observed loss stalls. A function of the step and of the losses
 * observed before it.
 *
 * @throws RatchetError `E_CONFIG_INVALID` naming what is wrong with the phases or numbers
 */
export class AdvancedLRScheduler {
  readonly totalSteps: number;
  readonly warmupSteps: number;
  readonly phases: readonly (SchedulePhase & { start: number; end: number })[];
  private readonly shape: (from: number, to: number, x: number) => number;
  private readonly adaptive: AdaptiveReduction | null;
  private current = 0;
  private state: AdvancedScheduleState = { observations: 0, mean: 0, best: null, stale: 0, reductions: [] };

  constructor(config: AdvancedScheduleConfig) {
    const { totalSteps, warmupSteps = 0, phases = THREE_PHASES, interpolation = 'cosine', adaptive = {} } = config;
    this.totalSteps = totalSteps;
    this.warmupSteps = warmupSteps;
    this.shape = shapes[interpolation];
    this.adaptive = adaptive === false ? null : { ...ADAPTIVE, ...adaptive };
    const ends = phases.map(({ until }) => Math.round(until * totalSteps));
    this.phases = phases.map((phase, i) => ({ ...phase, start: ends[i - 1] ?? 0, end: ends[i]! }));
    this.check();
  }

  /**
   * The learning rate of a 0-based step; steps past the end keep the last one. Remembers the step for
   * {@link getPhaseInfo}.
   */
  getLearningRate(step: number): number {
    this.current = step;
    return this.rateAt(step);
  }

  /** The phase of a step, or of the step last asked for. */
  getPhaseInfo(step = this.current): PhaseInfo {
    const phaseIndex = this.phaseIndexAt(step);
    const { name, strategy, from, to, start, end } = this.phases[phaseIndex]!;
    return {
      phaseName: name,
      phaseIndex,
      boundaries: { start, end },
      duration: end - start,
      learningRateRange: { start: from, end: to },
      strategy,
      step,
      progress: end === start ? 1 : Math.min(1, (step - start) / (end - start)),
      learningRate: this.rateAt(step),
      warmingUp: step < this.warmupSteps,
      reductions: this.state.reductions.filter((cut) => cut.step <= step).length,
    };
  }

  /**
   * Takes the loss of a step. When the running mean has not fallen for long enough, the learning rate is cut from the
   * next step on, and the patience starts anew.
   *
   * @returns true when it was cut
   */
  observe(step: number, loss: number): boolean {
    if (!this.adaptive) return false;
    const { patience, threshold, smoothing } = this.adaptive;
    const { state } = this;
    state.observations++;
    state.mean = smoothing * state.mean + (1 - smoothing) * loss;
    const mean = state.mean / (1 - smoothing ** state.observations);
    if (state.best === null || mean < state.best - threshold * Math.abs(state.best)) {
      state.best = mean;
      state.stale = 0;
      return false;
    }
    if (++state.stale < patience) return false;
    state.stale = 0;
    state.reductions.push({ step: step + 1, loss: mean });
    return true;
  }

  /** A copy of what was observed: what a checkpoint keeps. */
  getState(): AdvancedScheduleState {
    return structuredClone(this.state);
  }

  setState(state: AdvancedScheduleState): void {
    this.state = structuredClone(state);
  }

  private phaseIndexAt(step: number): number {
    const index = this.phases.findIndex(({ end }) => step < end);
    return index < 0 ? this.phases.length - 1 : index;
  }

  private rateAt(step: number): number {
    const first = this.phases[0]!;
    if (step < this.warmupSteps) return this.cut((first.from * (step + 1)) / (this.warmupSteps + 1), step);
    const { from, to, start, end } = this.phases[this.phaseIndexAt(step)]!;
    const begin = Math.max(start, this.warmupSteps);
    if (step <= begin) return this.cut(from, step);
    if (step >= end) return this.cut(to, step);
    return this.cut(this.shape(from, to, (step - begin) / (end - begin)), step);
  }

  private cut(rate: number, step: number): number {
    const cuts = this.state.reductions.filter((reduction) => reduction.step <= step).length;
    if (!this.adaptive || cuts === 0) return rate;
    return Math.min(rate, Math.max(this.adaptive.minimumLearningRate, rate * this.adaptive.factor ** cuts));
  }

  private check(): void {
    const { totalSteps, warmupSteps, phases, adaptive } = this;
    const refuse = (why: string) => {
      throw new RatchetError('E_CONFIG_INVALID', `learning-rate phases: ${why}.`, {
        hint: 'Phases are in order, each begins at the rate at which the one before ends, and the last ends at 1.',
      });
    };
    if (!Number.isSafeInteger(totalSteps) || totalSteps < 1) refuse(`${totalSteps} is no number of steps`);
    if (phases.length === 0) refuse('there is no phase');
    for (const [i, { name, from, to, until }] of phases.entries()) {
      if (!(from > 0) || !(to > 0)) refuse(`"${name}" has a rate that is not above 0`);
      const before = phases[i - 1];
      if (until <= (before?.until ?? 0)) refuse(`"${name}" ends at ${until}, before it begins`);
      if (before && before.to !== from)
        refuse(`"${name}" begins at ${from}, but "${before.name}" ends at ${before.to}`);
    }
    if (phases.at(-1)!.until !== 1) refuse(`"${phases.at(-1)!.name}" ends at ${phases.at(-1)!.until}, not at 1`);
    if (warmupSteps !== 0 && !(warmupSteps > 0 && warmupSteps < phases[0]!.end))
      refuse(`${warmupSteps} warm-up steps do not fit into the first phase of ${phases[0]!.end}`);
    if (!adaptive) return;
    const { patience, factor, smoothing, minimumLearningRate } = adaptive;
    if (!(patience >= 1)) refuse(`a patience of ${patience} is below 1`);
    if (!(factor > 0 && factor < 1)) refuse(`a cut to ${factor} of the rate is not between 0 and 1`);
    if (!(smoothing >= 0 && smoothing < 1)) refuse(`a smoothing of ${smoothing} is not at least 0 and below 1`);
    if (!(minimumLearningRate > 0)) refuse(`a least rate of ${minimumLearningRate} is not above 0`);
  }
}
