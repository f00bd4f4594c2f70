import type { TrainingParameters } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { RatchetError } from '../../config/errors.js';
import type { Pruner } from './pruner.js';
import { SEARCH_SPACE, TUNED, type ParameterValues, type Range, type SearchSpace } from './search-space.js';
import { createStudy, startTrial, type Study } from './study.js';
import type { Sampler } from './sampler.js';

/** What a round searches, and the parameters that are tried before the sampler proposes any. */
export interface PlannedStudy {
  study: Study;
  queue: ParameterValues[];
}

export interface StudyOptions {
  name: string;
  seed: number;
  /** The parameters in use: the first trial, so that tuning is compared with leaving them alone. */
  current: TrainingParameters;
  /** Best parameters of earlier rounds, the best first. */
  earlier: readonly Partial<TrainingParameters>[];
  /** Ranges that replace those of the standard search space. */
  ranges: LoopConfig['tuning']['space'];
  /** False where an adapter is trained on: its rank and scale are given. */
  newAdapter: boolean;
}

/**
 * The study of one round: less validation loss is better. A range is widened to hold the parameters in use; values of
 * earlier rounds are moved into it, and those that were tried already are left out.
 */
export function planStudy(options: StudyOptions): PlannedStudy {
  const { name, seed, current, earlier, ranges, newAdapter } = options;
  const space: Record<string, Range> = {};
  for (const parameter of TUNED) {
    if (!newAdapter && (parameter === 'loraRank' || parameter === 'loraAlpha')) continue;
    const standard = SEARCH_SPACE[parameter];
    const [from, to] = ranges[parameter] ?? [standard.low, standard.high];
    // The whole numbers of a range: a sampler proposes no other.
    const [low, high] = standard.integer ? [Math.ceil(from), Math.floor(to)] : [from, to];
    if (!(low < high) || (standard.integer && low < 1) || (standard.scale === 'log' && low <= 0)) {
      throw new RatchetError('E_CONFIG_INVALID', `tuning: the range of ${parameter} is ${from} … ${to}`, {
        hint: 'Write the lower value first; counts start at 1 and need two whole numbers, logarithmic scales start above 0.',
      });
    }
    const used = standard.integer ? Math.round(current[parameter]) : current[parameter];
    space[parameter] = { ...standard, low: Math.min(low, used), high: Math.max(high, used) };
  }
  const queue: ParameterValues[] = [];
  for (const parameters of [current, ...earlier]) {
    const values = moveInto(space, { ...current, ...parameters });
    if (!queue.some((known) => sameValues(known, values))) queue.push(values);
  }
  return { study: createStudy({ name, space, direction: 'minimize', seed }), queue };
}

/** A study with `count` more running trials: what waits in the queue first, then the sampler's proposals. */
export function proposeTrials(
  { study, queue }: PlannedStudy,
  sampler: Sampler,
  count: number,
): { study: Study; parameters: ParameterValues[] } {
  let next = study;
  const parameters: ParameterValues[] = [];
  for (let place = 0; place < count; place++) {
    const number = next.trials.length;
    const values = queue[number] ?? sampler.suggest(next, number);
    next = startTrial(next, values);
    parameters.push(values);
  }
  return { study: next, parameters };
}

/**
 * Whether a trial stops after its newest report. It competes with the trials of earlier generations alone, not with those
 * that run beside it: the decision does not depend on which of them is faster.
 * @param generation number of the first trial that was started together with this one
 */
export function judgeTrial(
  study: Study,
  number: number,
  generation: number,
  pruner: Pruner,
): { prune: boolean; study: Study } {
  const trials = study.trials.map((trial) =>
    trial.number < generation || trial.number === number
      ? trial
      : { ...trial, state: 'running' as const, value: null, intermediate: [], rungs: [] },
  );
  const decision = pruner.decide({ ...study, trials }, number);
  const { resources } = decision.study;
  const judged = { ...study, trials: study.trials.with(number, decision.study.trials[number]!) };
  return { prune: decision.prune, study: resources === undefined ? judged : { ...judged, resources } };
}

function moveInto(space: SearchSpace, values: Partial<Record<string, number>>): ParameterValues {
  return Object.fromEntries(
    Object.entries(space).map(([name, { low, high, integer }]) => {
      const value = Math.min(high, Math.max(low, values[name]!));
      return [name, integer ? Math.round(value) : value];
    }),
  );
}

function sameValues(first: ParameterValues, second: ParameterValues): boolean {
  return Object.keys(first).every((name) => first[name] === second[name]);
}
