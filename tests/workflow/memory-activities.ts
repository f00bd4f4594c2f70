import { createHash } from 'node:crypto';
import { Context, heartbeat } from '@temporalio/activity';
import type { CpuActivities, GpuActivities, StoreActivities } from '../../activities/interfaces.js';
import type { LoopState, ModelReference, RoundResult } from '../../activities/loop-state.js';
import type { ArtifactRef, EvaluationRow, TrainingParameters } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';

type Everything = StoreActivities & CpuActivities & GpuActivities;
type Call = { name: keyof Everything; attempt: number; input: unknown };

export interface Behaviour {
  /** Called before every activity; what it throws the activity throws. */
  before?(call: Call): Promise<void> | void;
  /** Minibatch sizes above this do not fit into memory. */
  largestBatch?: number;
}

/** A small loop that is complete but holds everything in memory: files are texts by uri, tables are maps by key. */
export class MemoryLoop {
  readonly files = new Map<string, string>();
  readonly calls: Call[] = [];
  readonly events: string[] = [];
  readonly tables = new Map<string, unknown>();
  readonly trainedWith: TrainingParameters[] = [];
  readonly saved: string[] = [];
  champion: ModelReference | null = null;

  constructor(private readonly behaviour: Behaviour = {}) {}

  called(name: keyof Everything): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  /** Hash of everything the loop has left behind. */
  hash(): string {
    const entries = [...this.files, ...this.tables].map(([key, value]) => [key, JSON.stringify(value)] as const);
    return digest(JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
  }

  /** Every activity of the contract, behind the behaviour of the test. */
  activities(): Record<keyof Everything, (input: never) => Promise<unknown>> {
    const wrapped = Object.entries(this.everything()).map(([name, activity]) => {
      const run = async (input: unknown) => {
        const call = { name: name as keyof Everything, attempt: Context.current().info.attempt, input };
        this.calls.push(call);
        await this.behaviour.before?.(call);
        return await (activity as (input: unknown) => Promise<unknown>)(input);
      };
      return [name, run];
    });
    return Object.fromEntries(wrapped) as never;
  }

  addEvents(count: number): number {
    for (let index = 0; index < count; index += 1) this.events.push(`event-${this.events.length}`);
    return this.events.length;
  }

  private write(uri: string, rows: unknown[]): ArtifactRef {
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    this.files.set(uri, text);
    return { uri, sha256: digest(text), rows: rows.length };
  }

  private read(ref: ArtifactRef): string[] {
    const text = this.files.get(ref.uri) ?? '';
    if (digest(text) !== ref.sha256) throw new RatchetError('E_DATA_INVALID', `${ref.uri} has changed`);
    return text === '' ? [] : text.split('\n');
  }

  private everything(): Everything {
    const { files: _files, ...self } = { files: this.files, loop: this };
    const { loop } = self;
    const file = (key: { loop: string; round: number }, name: string) => `${key.loop}/${key.round}/${name}`;
    const table = (key: { loop: string; round: number }, name: string, value: unknown) =>
      void loop.tables.set(`${name}:${file(key, '')}`, value);
    const derive = async (
      { key, config: _config, ...inputs }: { key: { loop: string; round: number }; config: unknown },
      name: string,
      source: ArtifactRef,
    ) => loop.write(file(key, name), [...loop.read(source), digest(JSON.stringify(inputs))]);
    return {
      ingestFeedback: async ({ ref }) => {
        const fresh = loop.read(ref).filter((event) => !loop.events.includes(event));
        loop.events.push(...fresh);
        return { accepted: fresh.length, duplicates: ref.rows - fresh.length, cursor: loop.events.length };
      },
      pendingFeedback: async ({ key, after, limit }) => {
        const events = loop.events.slice(after, after + limit);
        return { ref: loop.write(file(key, 'feedback'), events), cursor: after + events.length, count: events.length };
      },
      countPending: async ({ after }) => loop.events.length - after,
      startRound: async ({ key, feedbackCursor }) => table(key, 'started', feedbackCursor),
      recordStage: async ({ key, stage, table: name, ref }) => table(key, `${stage}-${name}`, loop.read(ref)),
      earlierExamples: async ({ key }) =>
        key.round > 1 ? loop.write(file(key, 'earlier'), loop.read(loop.reference(`${key.loop}/1/examples`))) : null,
      bestParameters: async () => null,
      recentModels: async () => [],
      openStudy: async ({ key, current }) => table(key, 'study', current),
      proposeTrials: async ({ from, count }) =>
        Array.from({ length: count }, (_, place) => ({ learningRate: 1e-4 * (1 + from + place) })),
      reportTrial: async () => ({ prune: false }),
      proposeParts: async () => [],
      pauseTrial: async () => {},
      finishTrial: async ({ key, number, outcome }) => table(key, `trial-${number}`, outcome),
      rollBackModel: async ({ key, model }) => {
        loop.champion = model;
        table(key, 'rolled-back', model);
      },
      recordPromotion: async ({ key, row }) => table(key, 'promotion', row),
      recordWatch: async ({ key, row }) => table(key, 'watch', row),
      recordFallback: async ({ key, row }) => table(key, 'fallback', row),
      recordComponents: async ({ key, ...change }) => void loop.tables.set(key, change),
      loopStatistics: async () => ({
        feedback_events: loop.events.length,
        training_batches: 0,
        curriculum: { current_stage: 'easy' },
      }),
      recordTraining: async ({ key, ...training }) => table(key, 'training', training),
      recordEvaluations: async ({ key, rows }) => table(key, 'evaluations', rows),
      promoteModel: async ({ key, model }) => {
        loop.champion = model;
        table(key, 'champion', model);
      },
      finishRound: async ({ key, result, state }) => {
        table(key, 'result', result);
        loop.tables.set(`state:${key.loop}`, state);
      },
      loopState: async ({ loop: name }) => (loop.tables.get(`state:${name}`) as LoopState | undefined) ?? null,

      simulateRequests: async ({ key }) =>
        loop.write(
          file(key, 'requests'),
          Array.from({ length: 24 }, (_, index) => `${key.round}-${index}`),
        ),
      simulateFeedback: async (input) => derive(input, 'simulated', input.answersRef),
      scoreRewards: async (input) => derive(input, 'rewards', input.feedbackRef),
      organizeCurriculum: async (input) => derive(input, 'curriculum', input.rewardsRef),
      selectExamples: async (input) => ({
        selectionRef: await derive(input, 'selection', input.curriculumRef),
        examplesRef: await derive(input, 'selected', input.feedbackRef),
        rejectedRef: loop.write(file(input.key, 'rejected'), []),
        labels: 10,
      }),
      augmentExamples: async (input) => derive(input, 'examples', input.examplesRef),
      assembleBatches: async (input) => ({
        batchesRef: await derive(input, 'batches', input.examplesRef),
        ready: input.examplesRef.rows >= 20,
        reason: input.examplesRef.rows >= 20 ? 'enough examples' : `${input.examplesRef.rows} of 20 examples`,
      }),
      chooseParameters: async ({ config: { training } }) => {
        const { targetModules: _modules, checkpointEverySteps: _steps, ...parameters } = training;
        return parameters;
      },
      planTraining: async (input) => ({
        planRef: await derive(input, 'plan', input.batchesRef),
        validationRef: null,
        initialModel: input.champion,
      }),
      collectPreferences: async (input) => ({
        pairsRef: await derive(input, 'preferences', input.samplesRef ?? input.feedbackRef),
        rejectedRef: loop.write(file(input.key, 'preferences-rejected'), []),
        ready: true,
        reason: 'enough pairs',
      }),
      judgeChallenger: async () => {
        throw new RatchetError('E_INTERNAL', 'the loop in memory has no scores');
      },
      watchLiveScores: async () => {
        throw new RatchetError('E_INTERNAL', 'the loop in memory has no scores');
      },
      measureYields: async () => {
        throw new RatchetError('E_INTERNAL', 'the loop in memory has no scores');
      },
      trackRound: async ({ key, before, after, curriculum }) => ({
        promote: (after[0]?.score ?? 0) > (before[0]?.score ?? 0),
        reason: 'better on validation',
        curriculum: {
          ...curriculum,
          history: [...curriculum.history, { round: key.round, stage: 'easy', average: 1 }],
        },
      }),

      answerRequests: async (input) => derive(input, 'answers', input.requestsRef),
      trainModel: async ({ key, parameters, planRef, initialModel, outputName }) => {
        if (parameters.batchSize > (loop.behaviour.largestBatch ?? 64)) {
          throw new RatchetError('E_OUT_OF_MEMORY', `a minibatch of ${parameters.batchSize} does not fit`);
        }
        loop.trainedWith.push(parameters);
        heartbeat({ step: 1, totalSteps: 2, loss: 1, checkpoint: null });
        const sha256 = digest(`${planRef.sha256}${initialModel?.sha256 ?? ''}`);
        return {
          run: {
            steps: 2,
            trainLoss: 1 / key.round,
            validationLoss: null,
            bestStep: 2,
            stoppedEarly: false,
            truncatedRows: 0,
          },
          logRef: { uri: 'log.jsonl', sha256, rows: 0 },
          model: { id: outputName, path: `models/${outputName}`, sha256 },
        };
      },
      embedFeedback: async (input) => derive(input, 'embeddings', input.feedbackRef),
      askEnsemble: async (input) => derive(input, 'votes', input.feedbackRef),
      sampleAnswers: async (input) => derive(input, 'samples', input.feedbackRef),
      trainTrial: async ({ parameters }) => ({ validationLosses: [], loss: parameters.learningRate }),
      evaluateModel: async ({ key, model, split }) => ({
        rows: [evaluation(key, model, split)],
      }),
    };
  }

  private reference(uri: string): ArtifactRef {
    const text = this.files.get(uri) ?? '';
    return { uri, sha256: digest(text), rows: text === '' ? 0 : text.split('\n').length };
  }
}

function evaluation(
  { loop, round }: { loop: string; round: number },
  model: ModelReference | null,
  split: 'test' | 'validation',
): EvaluationRow {
  return {
    id: `${loop}/${round}/${split}`,
    loop,
    round,
    model: model?.id ?? 'base',
    split,
    artifactType: 'all',
    n: 10,
    score: 40 + 10 * round,
    successRate: 0.1 * round,
    edgeScore: 30 + round,
    edgeSuccessRate: 0,
    meanReward: 0,
    latencyMs: 1,
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export type { RoundResult };
