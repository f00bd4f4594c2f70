import { bracketBudgets, bracketOf, createHyperbandPruner } from '../../learning/tuning/hyperband-pruner.js';
import { createMedianPruner, createPercentilePruner } from '../../learning/tuning/percentile-pruner.js';
import { createNoPruner, type Pruner } from '../../learning/tuning/pruner.js';
import { createPatientPruner, createThresholdPruner } from '../../learning/tuning/stopping-pruners.js';
import { createStudy, finishTrial, reportValue, startTrial, type Study } from '../../learning/tuning/study.js';
import { createSuccessiveHalvingPruner } from '../../learning/tuning/successive-halving-pruner.js';
import type { CaseRecorder } from './report.js';

interface Decision {
  pruned_at_step: (number | null)[];
  /** Hyperband's; null, `'auto'` and no budgets when no trial was complete from which to work them out. */
  n_brackets?: number | null;
  budgets?: number[];
  max_resource?: number | string | null;
  bracket_of_trial?: number[];
}

export interface PrunersFixture {
  sets: {
    name: string;
    direction: Study['direction'];
    first_step: number;
    curves: (number | null)[][];
    study_name: string;
    decisions: Record<string, Decision>;
  }[];
}

/** pruners.json: at which step each trial is pruned, trials run one after another. */
export function checkPruners(fixture: PrunersFixture, record: CaseRecorder): void {
  for (const set of fixture.sets) {
    const longest = Math.max(...set.curves.map((curve) => curve.length));
    for (const [written, expected] of Object.entries(set.decisions)) {
      const parsed = parsePruner(written, longest);
      const name = `${set.name}/${written}`;
      if (parsed === null) {
        record.unknown(name, 'this pruner is not implemented');
        continue;
      }
      const { prunedAt, study } = replay(set, parsed.pruner);
      record.equal(`${name}/pruned_at_step`, prunedAt, expected.pruned_at_step);
      if (expected.budgets === undefined) continue;
      const { leastResource = 1, mostResource, reductionFactor = 3 } = parsed.options as Record<string, number>;
      const most = mostResource ?? study.resources?.most ?? null;
      const budgets = most === null ? [] : bracketBudgets(leastResource, most, reductionFactor);
      const known = typeof expected.max_resource === 'number' ? expected.max_resource : null;
      record.equal(`${name}/max_resource`, most, known);
      record.equal(`${name}/budgets`, budgets, expected.budgets);
      record.equal(`${name}/n_brackets`, budgets.length, Math.max(0, expected.n_brackets ?? 0));
      const brackets = set.curves.map((_, number) => bracketOf({ name: set.study_name }, number, budgets));
      record.equal(`${name}/bracket_of_trial`, brackets, expected.bracket_of_trial);
    }
  }
}

function replay(set: PrunersFixture['sets'][number], pruner: Pruner): { prunedAt: (number | null)[]; study: Study } {
  let study = createStudy({ name: set.study_name, direction: set.direction, space: {} });
  const prunedAt = set.curves.map((curve, number) => {
    study = startTrial(study, {});
    for (const [index, value] of curve.entries()) {
      const step = set.first_step + index;
      const decision = pruner.decide(reportValue(study, number, step, value ?? NaN), number);
      study = decision.study;
      if (!decision.prune) continue;
      study = finishTrial(study, number, 'pruned');
      return step;
    }
    study = finishTrial(study, number, { value: curve.at(-1) ?? NaN });
    return null;
  });
  return { prunedAt, study };
}

const TRIALS = {
  n_startup_trials: 'startupTrials',
  n_warmup_steps: 'warmupSteps',
  interval_steps: 'intervalSteps',
  n_min_trials: 'leastReports',
};

/** For each of Optuna's pruners our name of each argument, in the order of its constructor. */
const OPTIONS: Record<string, Readonly<Record<string, string>>> = {
  NopPruner: {},
  MedianPruner: TRIALS,
  PercentilePruner: { percentile: 'percentile', ...TRIALS },
  SuccessiveHalvingPruner: {
    min_resource: 'leastResource',
    reduction_factor: 'reductionFactor',
    min_early_stopping_rate: 'earlyStoppingRate',
    bootstrap_count: 'bootstrapCount',
  },
  HyperbandPruner: {
    min_resource: 'leastResource',
    max_resource: 'mostResource',
    reduction_factor: 'reductionFactor',
    bootstrap_count: 'bootstrapCount',
  },
  ThresholdPruner: {
    lower: 'lower',
    upper: 'upper',
    n_warmup_steps: 'warmupSteps',
    interval_steps: 'intervalSteps',
  },
  PatientPruner: { wrapped_pruner: 'inner', patience: 'patience', min_delta: 'leastImprovement' },
};

const CREATE: Record<string, (options: never) => Pruner> = {
  NopPruner: createNoPruner,
  MedianPruner: createMedianPruner,
  PercentilePruner: createPercentilePruner,
  SuccessiveHalvingPruner: createSuccessiveHalvingPruner,
  HyperbandPruner: createHyperbandPruner,
  ThresholdPruner: createThresholdPruner,
  PatientPruner: createPatientPruner,
};

interface WrittenPruner {
  /** As our constructor takes them; what is written as `None` or `'auto'` is left to its default. */
  options: Record<string, number | Pruner>;
  pruner: Pruner;
}

/**
 * Our pruner for the constructor call that the fixture writes, positional arguments and wrapped pruners included; null
 * for a class or an argument that there is not.
 * @param longest what `N` stands for
 */
function parsePruner(written: string, longest: number): WrittenPruner | null {
  const call = /^\s*(\w+)\s*\((.*)\)\s*$/su.exec(written);
  const names = call === null ? undefined : OPTIONS[call[1]!];
  if (call === null || names === undefined) return null;
  const options: WrittenPruner['options'] = {};
  for (const [place, part] of argumentsOf(call[2]!).entries()) {
    const [, keyword, value] = /^(?:(\w+)\s*=)?(.*)$/su.exec(part)!;
    const name = keyword === undefined ? Object.values(names)[place] : names[keyword];
    if (name === undefined) return null;
    const text = value!.trim();
    if (text === 'None' || /^['"]auto['"]$/u.test(text)) continue;
    const parsed = text === 'N' ? longest : text.endsWith(')') ? parsePruner(text, longest)?.pruner : Number(text);
    if (parsed === undefined || Number.isNaN(parsed)) return null;
    options[name] = parsed;
  }
  return { options, pruner: CREATE[call[1]!]!(options as never) };
}

/** The parts between the commas outside of brackets. */
function argumentsOf(inside: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of inside) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (character === ',' && depth === 0) parts.push('');
    else parts.push(parts.pop()! + character);
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
