import { RatchetError } from '../../config/errors.js';
import { bracketBudgets, bracketOf, createHyperbandPruner } from '../../learning/tuning/hyperband-pruner.js';
import { createMedianPruner, createPercentilePruner } from '../../learning/tuning/percentile-pruner.js';
import type { Pruner } from '../../learning/tuning/pruner.js';
import { createPatientPruner, createThresholdPruner } from '../../learning/tuning/stopping-pruners.js';
import { createStudy, finishTrial, reportValue, startTrial, type Study } from '../../learning/tuning/study.js';
import { createSuccessiveHalvingPruner } from '../../learning/tuning/successive-halving-pruner.js';
import type { CaseRecorder } from './report.js';

interface Decision {
  pruned_at_step: (number | null)[];
  n_brackets?: number;
  budgets?: number[];
  max_resource?: number;
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
    for (const [written, expected] of Object.entries(set.decisions)) {
      const pruner = parsePruner(written, expected);
      const name = `${set.name}/${written}`;
      if (pruner === null) {
        record.unknown(name, 'this pruner is not implemented');
        continue;
      }
      const { prunedAt, study } = replay(set, pruner);
      record.equal(`${name}/pruned_at_step`, prunedAt, expected.pruned_at_step);
      if (expected.budgets === undefined) continue;
      const options = argumentsOf(written);
      const most = written.includes("'auto'") ? (study.resources?.most ?? NaN) : expected.max_resource!;
      const budgets = bracketBudgets(options.min_resource ?? 1, most, options.reduction_factor ?? 3);
      record.equal(`${name}/max_resource`, most, expected.max_resource);
      record.equal(`${name}/budgets`, budgets, expected.budgets);
      record.equal(`${name}/n_brackets`, budgets.length, expected.n_brackets);
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

/** `Name(1,b=2)` to {0: 1, b: 2}; what is not a number is left out. */
function argumentsOf(written: string): Record<string, number> {
  const inside = written.slice(written.indexOf('(') + 1, -1);
  const entries = inside.split(',').map((part, index): [string, number] => {
    const [left, right] = part.split('=');
    return right === undefined ? [String(index), Number.parseFloat(left!)] : [left!.trim(), Number.parseFloat(right)];
  });
  return Object.fromEntries(entries.filter(([, value]) => !Number.isNaN(value)));
}

/** Our pruner for the way in which the fixture writes it; null for a class that there is not. */
function parsePruner(written: string, expected: Decision): Pruner | null {
  const given = argumentsOf(written);
  const optional = (names: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(names).flatMap(([theirs, ours]) => (theirs in given ? [[ours, given[theirs]]] : [])),
    );
  const steps = { n_warmup_steps: 'warmupSteps', interval_steps: 'intervalSteps' };
  const trials = { n_startup_trials: 'startupTrials', n_min_trials: 'leastReports' };
  const halving = {
    min_resource: 'leastResource',
    reduction_factor: 'reductionFactor',
    min_early_stopping_rate: 'earlyStoppingRate',
    bootstrap_count: 'bootstrapCount',
  };
  switch (written.slice(0, written.indexOf('('))) {
    case 'MedianPruner':
      return createMedianPruner(optional({ ...steps, ...trials }));
    case 'PercentilePruner':
      return createPercentilePruner({
        percentile: given['0'] ?? given.percentile!,
        ...optional({ ...steps, ...trials }),
      });
    case 'SuccessiveHalvingPruner':
      return createSuccessiveHalvingPruner(optional(halving));
    case 'HyperbandPruner': {
      const most = written.includes("'auto'") ? {} : { mostResource: given.max_resource ?? expected.max_resource! };
      return createHyperbandPruner({ ...optional(halving), ...most });
    }
    case 'ThresholdPruner':
      return createThresholdPruner(optional({ ...steps, lower: 'lower', upper: 'upper' }));
    case 'PatientPruner': {
      if (!written.includes('(None')) return null;
      if (given.patience === undefined) throw new RatchetError('E_DATA_INVALID', `${written} names no patience.`);
      return createPatientPruner({ patience: given.patience, ...optional({ min_delta: 'leastImprovement' }) });
    }
    default:
      return null;
  }
}
