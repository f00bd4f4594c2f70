import { createDefaultSampler } from './default-sampler.js';
import { createNoPruner, type Pruner } from './pruner.js';
import type { Sampler } from './sampler.js';
import { SEARCH_SPACE, type ParameterValues, type SearchSpace } from './search-space.js';
import { bestTrial, createStudy, finishTrial, reportValue, startTrial, type Study } from './study.js';

export interface OptimizerOptions {
  /** What is answered when every trial fails. */
  defaults: ParameterValues;
  space?: SearchSpace;
  direction?: Study['direction'];
  seed?: number;
  sampler?: Sampler;
  pruner?: Pruner;
  /** Studies of an earlier run by artifact type: their trials count towards `nTrials` and are learned from. */
  studies?: Readonly<Record<string, Study>>;
  /** Called with the study after each change; what it stores is enough to go on later. */
  onChange?: (artifactType: string, study: Study) => void | Promise<void>;
}

/** What the objective is given to speak of its progress. */
export interface TrialHandle {
  number: number;
  /** Reports a value at a step, counted from 0 or 1. True when the trial should stop; then throw {@link TrialPruned}. */
  report(step: number, value: number): Promise<boolean>;
}

/** Thrown by an objective that stops because it was told to. */
export class TrialPruned extends Error {}

export interface OptimizationResult {
  /** The best complete trial's parameters, or the defaults. */
  bestParams: ParameterValues;
  /** Null when no trial was completed. */
  bestScore: number | null;
  study: Study;
}

/** The objective: a score for parameters. It fails by throwing or with a score that is not finite. */
export type Objective = (parameters: ParameterValues, trial: TrialHandle) => number | Promise<number>;

/**
 * R7: searches the parameters with the best score, one study per artifact type. Deterministic for a seed and an
 * objective: a run that goes on from stored studies suggests what an undisturbed one would have. Trials that were
 * running when the study was stored are run again under their own number and parameters.
 */
export class HyperparameterOptimizer {
  private readonly studies = new Map<string, Study>();

  constructor(private readonly options: OptimizerOptions) {
    for (const [artifactType, study] of Object.entries(options.studies ?? {})) this.studies.set(artifactType, study);
  }

  /** The study of an artifact type as plain data. */
  study(artifactType: string): Study {
    const { space = SEARCH_SPACE, direction = 'maximize', seed = 0 } = this.options;
    return this.studies.get(artifactType) ?? createStudy({ name: artifactType, space, direction, seed });
  }

  /** Runs trials until the study of the artifact type has `nTrials`; those of an earlier run count. */
  async optimize(objective: Objective, nTrials = 50, artifactType = 'all'): Promise<OptimizationResult> {
    const { sampler = createDefaultSampler() } = this.options;
    for (const trial of this.study(artifactType).trials) {
      if (trial.state === 'running') await this.runTrial(objective, artifactType, trial.number);
    }
    for (let study = this.study(artifactType); study.trials.length < nTrials; study = this.study(artifactType)) {
      const number = study.trials.length;
      await this.keep(artifactType, startTrial(study, sampler.suggest(study, number)));
      await this.runTrial(objective, artifactType, number);
    }
    const study = this.study(artifactType);
    const best = bestTrial(study);
    return { bestParams: best?.parameters ?? this.options.defaults, bestScore: best?.value ?? null, study };
  }

  private async runTrial(objective: Objective, artifactType: string, number: number): Promise<void> {
    const { pruner = createNoPruner() } = this.options;
    const fresh = this.study(artifactType);
    const { parameters } = fresh.trials[number]!;
    const restarted = { ...fresh.trials[number]!, intermediate: [], rungs: [] };
    await this.keep(artifactType, { ...fresh, trials: fresh.trials.with(number, restarted) });
    const report = async (step: number, value: number): Promise<boolean> => {
      const decision = pruner.decide(reportValue(this.study(artifactType), number, step, value), number);
      await this.keep(artifactType, decision.study);
      return decision.prune;
    };
    let outcome: Parameters<typeof finishTrial>[2];
    try {
      outcome = { value: await objective(parameters, { number, report }) };
    } catch (error) {
      // A fault of the objective costs its trial, not the search.
      outcome = error instanceof TrialPruned ? 'pruned' : 'failed';
    }
    await this.keep(artifactType, finishTrial(this.study(artifactType), number, outcome));
  }

  private async keep(artifactType: string, study: Study): Promise<void> {
    this.studies.set(artifactType, study);
    await this.options.onChange?.(artifactType, study);
  }
}
