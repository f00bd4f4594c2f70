import { Context } from '@temporalio/activity';
import { BASE_TYPES } from '../config/domain.js';
import type { CurriculumRow, EvaluationRow, FeedbackEvent, RejectedRow, RequestScoreRow } from '../config/domain.js';
import { configHash } from '../config/hash.js';
import { conventionAt, formatPrompt, generateTasks, scoreByConvention } from '../datasets/index.js';
import type { Engine } from '../engine/index.js';
import { CurriculumLearner } from '../learning/curriculum/curriculum-learner.js';
import { EnhancedRewardCalculator } from '../learning/reward/enhanced-reward-calculator.js';
import { mean } from '../learning/statistics/descriptive.js';
import { judgePromotion } from '../learning/tracking/promotion-gate.js';
import { watchChampion } from '../learning/tracking/watch-champion.js';
import { summarizeEvaluation, type EvaluatedRow } from '../learning/tracking/summarize-evaluation.js';
import type { Store } from '../store/store.js';
import { modelFolders, roundFolder, RoundFiles, type Dependencies } from './dependencies.js';
import { MAX_NEW_TOKENS } from './feedback.js';
import type { CpuActivities, GpuActivities, RoundKey, StageTable, StoreActivities } from './interfaces.js';
import type { LoopState } from './loop-state.js';

/** Held-out specifications when no simulated users say how many. */
const TEST_SPECIFICATIONS = 300;
/** The validation split decides on promotion, the larger test split only reports. */
const VALIDATION_SHARE = 1 / 2;

/** Stage 9, the device's part: answers held-out specifications and scores the answers by the validator. */
export function createTrackingGpuActivities(
  deps: Dependencies & { engine: Engine },
): Pick<GpuActivities, 'evaluateModel'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async evaluateModel({ key, config, model, split, block = 0 }) {
      const context = Context.current();
      const { testSpecifications: size = TEST_SPECIFICATIONS, artifactTypes = BASE_TYPES } =
        config.simulatedUsers ?? {};
      const tasks = generateTasks({
        seed: config.seed,
        purpose: block === 0 ? 'evaluation' : `evaluation-${block}`,
        count: split === 'test' ? size : Math.max(1, Math.round(size * VALIDATION_SHARE)),
        distribution: 'target',
        artifactTypes,
        split,
      });
      const started = performance.now();
      const generations = await deps.engine.generate(
        {
          ...modelFolders(config, files, model),
          prompts: tasks.map((task) => formatPrompt(task.artifactType, task.specification)),
          maxNewTokens: MAX_NEW_TOKENS,
          temperature: 0,
        },
        { signal: context.cancellationSignal, onProgress: (done, total) => context.heartbeat({ done, total }) },
      );
      const latencyMs = (performance.now() - started) / tasks.length;
      const rewards = new EnhancedRewardCalculator(config.reward);
      const convention = conventionAt(config.simulatedUsers);
      const rows = tasks.map((task, index): EvaluatedRow => {
        const { text } = generations[index]!;
        const score = scoreByConvention(convention, task.artifactType, task.specification, text);
        const { reward } = rewards.calculateReward({
          score,
          ageDays: 0,
          difficulty: task.difficulty,
          countOfType: 1,
        });
        return { artifactType: task.artifactType, score, edge: task.edgeCase, reward, latencyMs };
      });
      const head = { loop: key.loop, round: key.round, model: model?.id ?? 'base', split };
      const scores = tasks.map(({ id, artifactType, specification }, index): RequestScoreRow => {
        return { id, artifactType, input: specification, score: rows[index]!.score };
      });
      const name = ['scores', split, head.model, ...(block === 0 ? [] : [block])].join('-');
      return {
        rows: summarizeEvaluation(rows, head, config.tracking.successThreshold),
        scoresRef: await files.write(key, name, scores),
      };
    },
  };
}

/** Stage 9: decides on promotion and moves the curriculum. */
export function createTrackingCpuActivities(
  deps: Dependencies,
): Pick<CpuActivities, 'trackRound' | 'judgeChallenger' | 'watchLiveScores'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async judgeChallenger({ config, championRef, challengerRef, state }) {
      const champion = await files.read<RequestScoreRow>(championRef);
      const answered = new Map((await files.read<RequestScoreRow>(challengerRef)).map((row) => [row.id, row.score]));
      const before = champion.map((row) => row.score);
      const after = champion.map((row) => answered.get(row.id) ?? Number.NaN);
      const { alpha, minimumGain, maximumPairs } = config.tracking;
      const options = { alpha, minimumGain, maximumPairs };
      const decision = judgePromotion(before, after, options, state ?? undefined);
      // A store takes no infinity, and nobody needs more evidence than this.
      const eValue = Math.min(decision.eValue, Number.MAX_VALUE);
      return { ...decision, eValue, meanGain: mean(after) - mean(before) };
    },

    async watchLiveScores({ config, feedbackRef, watch }) {
      const former = await files.read<FeedbackEvent>(watch.formerRef);
      const { paired, test } = watch;
      return watchChampion({ paired, test }, former, await files.read(feedbackRef), config.tracking.alpha);
    },

    async trackRound({ key, config, before, after, verdict, curriculum, feedbackRef, curriculumRef }) {
      const { promote, reason } = verdict ?? judgeByMean(before, after);
      // The curriculum asks how the model in use does on what the stage admits, so it looks at the users' verdicts.
      const admitted = new Set(
        (await files.read<CurriculumRow>(curriculumRef)).filter((row) => row.admitted).map((row) => row.eventId),
      );
      const scores = (await files.read<FeedbackEvent>(feedbackRef))
        .filter((event) => admitted.has(event.id))
        .map((event) => event.validation_score);
      const learner = new CurriculumLearner(config.curriculum, curriculum);
      if (scores.length > 0) learner.recordEvaluation(key.round, mean(scores));
      return { promote, reason, curriculum: learner.state };
    },
  };
}

/** A higher mean score on the validation split. */
function judgeByMean(before: EvaluationRow[], after: EvaluationRow[]): { promote: boolean; reason: string } {
  const overall = (rows: EvaluationRow[]) => rows.find((row) => row.artifactType === 'all')?.score ?? 0;
  const [old, fresh] = [overall(before), overall(after)];
  return { promote: fresh > old, reason: `validation score ${old.toFixed(1)} → ${fresh.toFixed(1)}` };
}

/** Stage 9, the store's part, and the frame of a round. */
export function createTrackingStoreActivities(
  deps: Dependencies & { store: Store },
): Pick<
  StoreActivities,
  | 'startRound'
  | 'finishRound'
  | 'loopState'
  | 'recordStage'
  | 'recordEvaluations'
  | 'promoteModel'
  | 'rollBackModel'
  | 'recordPromotion'
  | 'recordWatch'
  | 'recordFallback'
  | 'recordComponents'
  | 'loopStatistics'
> {
  const { store } = deps;
  const files = new RoundFiles(deps.dataFolder);
  return {
    async startRound({ key, config, feedbackCursor }) {
      const { loop, round } = key;
      const fields = { config, configHash: configHash(config), afterSeq: feedbackCursor };
      await store.transaction(async () => {
        const begunWith = await store.openConfigHash(loop, round);
        // What another configuration has left would be mixed with what this one makes.
        if (begunWith !== null && begunWith !== fields.configHash) {
          const before = (await store.newestState(loop)) as LoopState | null;
          await store.rollBack(loop, before?.champion?.id ?? null, `round ${round} begins anew, configured otherwise`);
          await store.forgetRound(loop, round, roundFolder(key));
        }
        await store.startRound(loop, round, fields);
      });
    },

    async finishRound({ key, result, state }) {
      await store.recordCurriculumState(key.loop, key.round, state.curriculum);
      await store.finishRound(key.loop, key.round, {
        status: result.trained ? 'completed' : 'skipped',
        curriculumStage: result.stage,
        labels: result.labels,
        promoted: result.promoted,
        reason: result.reason,
        ...result.after,
        ...(result.model && { modelVersionId: result.model.id }),
        ...(result.loss !== null && { trainLoss: result.loss }),
        ...(result.validationLoss !== null && { validationLoss: result.validationLoss }),
        summary: state,
      });
    },

    async loopState({ loop }) {
      await store.closeAbandonedRounds(loop);
      return (await store.newestState(loop)) as LoopState | null;
    },

    async recordEvaluations({ rows }) {
      await store.recordEvaluations(rows);
    },

    async promoteModel({ key, model, reason }) {
      // Once a round: a late repeat must not undo a later round's promotion, nor a reset that came meanwhile.
      await store.applyOnce(roundFolder(key), 'promote', async () => {
        if (!(await store.isSuperseded(key.loop, key.round))) await store.setChampion(key.loop, model.id, reason);
      });
    },

    async rollBackModel({ key, model, reason }) {
      await store.applyOnce(roundFolder(key), 'roll-back', async () => {
        if (await store.isSuperseded(key.loop, key.round)) return;
        await store.rollBack(key.loop, model?.id ?? null, reason);
      });
    },

    recordPromotion: ({ key, row }) => store.recordPromotion(key.loop, key.round, row),
    recordWatch: ({ key, row }) => store.recordChampionWatch(key.loop, key.round, row),
    recordFallback: ({ key, row }) => store.recordFallback(key.loop, key.round, row),

    recordComponents: ({ loop, key, actor, ...details }) =>
      store.recordAudit({ loop, actor, action: 'setComponents', subject: 'components', details, key }),

    loopStatistics: ({ loop }) => store.statistics(loop),

    async recordStage({ key, table, ref }) {
      if (table === 'rejected') {
        // An import may have refused millions. The ledger's rows are keyed: a repeat after some of them adds none twice.
        for await (const rows of files.readInPieces<RejectedRow>(ref, LEDGER_ROWS)) await store.rejectRows(rows);
      } else await record[table](store, key, await files.read<never>(ref));
    },
  };
}

/** Refused rows that are written in one transaction, which DuckDB keeps in memory. */
const LEDGER_ROWS = 10_000;

/** Which write fills which table. */
const record: Record<
  Exclude<StageTable, 'rejected'>,
  (store: Store, key: RoundKey, rows: never[]) => Promise<number>
> = {
  rewards: (store, { loop, round }, rows) => store.recordRewards(loop, round, rows),
  sources: (store, { loop, round }, rows) => store.recordSources(loop, round, rows),
  curriculum: (store, { loop, round }, rows) => store.recordCurriculum(loop, round, rows),
  selections: (store, { loop, round }, rows) => store.recordSelections(loop, round, rows),
  slices: (store, { loop, round }, rows) => store.recordSelectionSlices(loop, round, rows),
  yields: (store, { loop, round }, rows) => store.recordLabelYields(loop, round, rows),
  examples: (store, { loop, round }, rows) => store.recordExamples(loop, round, rows),
  preferences: (store, { loop, round }, rows) => store.recordPreferences(loop, round, rows),
  batches: (store, { loop, round }, rows) => store.recordBatches(loop, round, rows),
};
