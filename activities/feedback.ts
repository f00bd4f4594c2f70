import { Context } from '@temporalio/activity';
import type { ArtifactType, FeedbackEvent } from '../config/domain.js';
import { conventionAt, formatPrompt, generateTasks, scoreByConvention, simulateFeedback } from '../datasets/index.js';
import type { Engine } from '../engine/index.js';
import type { Store } from '../store/store.js';
import { modelFolders, RoundFiles, type Dependencies } from './dependencies.js';
import { currentHolder } from './fence.js';
import type { AnswerRow, CpuActivities, GpuActivities, StoreActivities } from './interfaces.js';

/** What a simulated user asks for. */
export interface RequestRow {
  id: string;
  artifactType: ArtifactType;
  specification: string;
}

/** Longest artifact of the task family, in tokens, with some room. */
export const MAX_NEW_TOKENS = 160;

/** Stage 1, the simulated users' part: they ask, and judge the answers by the validator. */
export function createFeedbackCpuActivities(
  deps: Dependencies,
): Pick<CpuActivities, 'simulateRequests' | 'simulateFeedback'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async simulateRequests({ key, config }) {
      const tasks = generateTasks({
        seed: config.seed,
        purpose: `requests-${key.round}`,
        count: config.simulatedUsers!.requests,
        distribution: 'target',
        artifactTypes: config.simulatedUsers!.artifactTypes,
        split: 'pool',
      });
      const rows = tasks.map(({ id, artifactType, specification }): RequestRow => ({
        id,
        artifactType,
        specification,
      }));
      return files.write(key, 'requests', rows);
    },

    async simulateFeedback({ key, config, requestsRef, answersRef, users = key.loop }) {
      const requests = await files.read<RequestRow>(requestsRef);
      const answers = new Map((await files.read<AnswerRow>(answersRef)).map((row) => [row.id, row.text]));
      const events = requests.map((request): FeedbackEvent => {
        const output = answers.get(request.id) ?? '';
        return simulateFeedback({
          loop: users,
          round: key.round,
          requestId: request.id,
          artifactType: request.artifactType,
          specification: request.specification,
          output,
          modelUsed: key.round === 1 ? 'base' : `${key.loop}-champion`,
          validationScore: (ts) =>
            scoreByConvention(
              conventionAt(config.simulatedUsers, ts),
              request.artifactType,
              request.specification,
              output,
            ),
        });
      });
      return files.write(key, 'simulated-feedback', events);
    },
  };
}

/** Stage 1, the model's part. */
export function createFeedbackGpuActivities(
  deps: Dependencies & { engine: Engine },
): Pick<GpuActivities, 'answerRequests'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async answerRequests({ key, config, champion, requestsRef }) {
      const requests = await files.read<RequestRow>(requestsRef);
      const context = Context.current();
      const generations = await deps.engine.generate(
        {
          ...modelFolders(config, files, champion),
          prompts: requests.map((request) => formatPrompt(request.artifactType, request.specification)),
          maxNewTokens: MAX_NEW_TOKENS,
          temperature: 0,
        },
        { signal: context.cancellationSignal, onProgress: (done, total) => context.heartbeat({ done, total }) },
      );
      const rows = requests.map((request, index): AnswerRow => {
        const { text, meanLogProbability, meanEntropy, finished } = generations[index]!;
        return { id: request.id, text, meanLogProbability, meanEntropy, finished };
      });
      return files.write(key, 'answers', rows);
    },
  };
}

/** Stage 1, the store's part. */
export function createFeedbackStoreActivities(
  deps: Dependencies & { store: Store },
): Pick<StoreActivities, 'ingestFeedback' | 'pendingFeedback' | 'countPending'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async ingestFeedback({ key, ref }) {
      const events = await files.read<FeedbackEvent>(ref);
      // An attempt whose answer was lost has stored the events: the next one must not count them as known before.
      const { activity } = currentHolder(Context.current().info);
      return deps.store.applyOnce(`loops/${key.loop}/ingest`, activity, async () => {
        const { accepted, duplicates, lastSeq } = await deps.store.appendFeedback(key.loop, events, ref.uri);
        return { accepted, duplicates, cursor: lastSeq };
      });
    },

    async pendingFeedback({ key, after, limit }) {
      const pending = await deps.store.roundFeedback(key.loop, key.round, after, limit);
      const ref = await files.write(
        key,
        'feedback',
        pending.map(({ seq: _, ...event }) => event),
      );
      return { ref, cursor: pending.at(-1)?.seq ?? after, count: pending.length };
    },

    countPending: ({ loop, after }) => deps.store.countPending(loop, after),
  };
}
