import path from 'node:path';
import { Context } from '@temporalio/activity';
import type { TrainingParameters } from '../config/domain.js';
import { RatchetError } from '../config/errors.js';
import { configHash } from '../config/hash.js';
import type { LoopConfig } from '../config/loop.js';
import type { Engine } from '../engine/index.js';
import { nextParts } from '../learning/tuning/asynchronous-halving.js';
import { bestOrDefault } from '../learning/tuning/best-or-default.js';
import { PRUNERS, SAMPLERS } from '../learning/tuning/methods.js';
import { judgeTrial, planStudy, proposeTrials, type PlannedStudy } from '../learning/tuning/plan-study.js';
import { defaultParameters } from '../learning/tuning/search-space.js';
import { finishTrial, reportValue, type StudyTrial } from '../learning/tuning/study.js';
import type { Store } from '../store/store.js';
import { claimFence, currentHolder } from './fence.js';
import { roundFolder, RoundFiles, trialsFolder, type Dependencies } from './dependencies.js';
import type { CpuActivities, GpuActivities, ProposedPart, RoundKey, StoreActivities } from './interfaces.js';
import { trainingSpec } from './training.js';
import { openValidationLog } from './run-log.js';

/** Stage 7: tuning. */
export function createTuningActivities(): Pick<CpuActivities, 'chooseParameters'> {
  return {
    async chooseParameters({ config, stored }) {
      const trials = stored === null ? [] : [{ id: 'stored', parameters: stored, score: 0 }];
      return bestOrDefault(trials, defaultParameters(config.training)).parameters;
    },
  };
}

/** Stage 7, the device's part. */
export function createTuningGpuActivities(deps: Dependencies & { engine: Engine }): Pick<GpuActivities, 'trainTrial'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async trainTrial({ key, config, planRef, validationRef, parameters, initialModel, number, untilEpoch }) {
      const context = Context.current();
      // Another plan or other settings, as a smaller minibatch after a lack of memory, are another run with other losses.
      const run = `${trialsFolder(key)}/${number}-${configHash({ config, planRef, parameters }).slice(0, 12)}`;
      const fence = await claimFence(files.path(run), currentHolder(context.info));
      const log = openValidationLog(files.path(path.join(run, 'validations.jsonl')));
      const stop = new AbortController();
      const heartbeat = () => context.heartbeat({ trial: number, epochs: log.rows.length });
      const reached = () => untilEpoch !== null && log.rows.length >= untilEpoch;
      const progress = (loss: number | null) => ({
        validationLosses: log.rows
          .toSorted((a, b) => a.step - b.step)
          .slice(0, untilEpoch ?? undefined)
          .map((validation) => validation.loss),
        loss,
      });
      if (reached()) return progress(null);
      try {
        const { validationLoss } = await deps.engine.train(
          trainingSpec(files, { key, config, planRef, validationRef, parameters, initialModel }, run, `${run}/model`),
          {
            signal: AbortSignal.any([context.cancellationSignal, stop.signal]),
            beforeWrite: fence.check,
            onStep: heartbeat,
            onValidation({ step, loss }) {
              log.append({ step, loss });
              heartbeat();
              if (reached()) stop.abort();
            },
          },
        );
        return progress(untilEpoch === null ? validationLoss : null);
      } catch (error) {
        if (stop.signal.aborted && !context.cancellationSignal.aborted) return progress(null);
        throw error;
      }
    },
  };
}

/** Stage 7, the store's part: the study lives in the store, so that a search that is interrupted anywhere goes on. */
export function createTuningStoreActivities(deps: {
  store: Store;
}): Pick<
  StoreActivities,
  'bestParameters' | 'openStudy' | 'proposeTrials' | 'proposeParts' | 'pauseTrial' | 'reportTrial' | 'finishTrial'
> {
  const { store } = deps;

  /** Changes the study exactly once for a name. */
  function change<T>(key: RoundKey, name: string, edit: (planned: KnownStudy) => Promise<[KnownStudy, T]>): Promise<T> {
    return store.applyOnce(`${roundFolder(key)}/study`, name, async () => {
      const known = (await store.study(key.loop, key.round)) as KnownStudy | null;
      if (known === null) {
        throw new RatchetError('E_NOT_FOUND', `Round ${key.round} of the loop ${key.loop} has no study.`, {
          hint: 'Open the study before its trials.',
        });
      }
      const [changed, result] = await edit(known);
      await store.saveStudy(key.loop, key.round, changed);
      return result;
    });
  }

  const recordTrial = (key: RoundKey, { number, state, parameters, value }: StudyTrial) =>
    store.recordTrials(key.loop, key.round, [
      {
        id: `${roundFolder(key)}/trial-${number}`,
        artifactType: 'all',
        number,
        state: state as 'complete' | 'pruned' | 'failed',
        parameters: parameters as Partial<TrainingParameters>,
        ...(value !== null && { objective: value }),
      },
    ]);

  return {
    bestParameters: async ({ loop }) => (await store.bestTrial(loop, 'all'))?.parameters ?? null,

    async openStudy({ key, config, current, newAdapter }) {
      const { sampler, pruner, space, warmStart } = config.tuning;
      await store.applyOnce(`${roundFolder(key)}/study`, 'open', async () => {
        const planned = planStudy({
          name: roundFolder(key),
          seed: config.seed,
          current,
          earlier: warmStart === 0 ? [] : await store.earlierBestParameters(key.loop, key.round, warmStart),
          ranges: space,
          newAdapter,
        });
        await store.saveStudy(key.loop, key.round, { ...planned, sampler, pruner });
      });
    },

    proposeTrials: ({ key, from, count }) =>
      change(key, `propose-${from}`, async (known) => {
        const { study, parameters } = proposeTrials(known, SAMPLERS[known.sampler](), count);
        return [{ ...known, study }, parameters as Partial<TrainingParameters>[]];
      }),

    proposeParts: ({ key, turn, trials, count }) =>
      change(key, `parts-${turn}`, async (known) => {
        const { study, parts } = nextParts(known, SAMPLERS[known.sampler](), { trials, count });
        if (parts.length === 0)
          for (const trial of study.trials) if (trial.state === 'pruned') await recordTrial(key, trial);
        return [{ ...known, study }, parts as ProposedPart[]];
      }),

    async pauseTrial({ key, number, epoch }) {
      await change(key, `pause-${number}-${epoch}`, async (known) => [
        { ...known, study: finishTrial(known.study, number, 'pruned') },
        null,
      ]);
    },

    reportTrial: ({ key, number, generation, losses }) =>
      change(key, `report-${number}-${losses.at(-1)?.epoch ?? 0}`, async (known) => {
        let { study } = known;
        for (const { epoch, loss } of losses) study = reportValue(study, number, epoch, loss);
        const judged = judgeTrial(study, number, generation, PRUNERS[known.pruner]());
        return [{ ...known, study: judged.study }, { prune: judged.prune }];
      }),

    async finishTrial({ key, number, outcome }) {
      await change(key, `finish-${number}`, async (known) => {
        const value = typeof outcome === 'string' ? outcome : { value: outcome.loss };
        const study = finishTrial(known.study, number, value);
        await recordTrial(key, study.trials[number]!);
        return [{ ...known, study }, null];
      });
    },
  };
}

type KnownStudy = PlannedStudy & Pick<LoopConfig['tuning'], 'sampler' | 'pruner'>;
