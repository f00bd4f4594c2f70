import { Context } from '@temporalio/activity';
import type { ArtifactRef, ExampleRow, FeedbackEvent, RewardRow } from '../config/domain.js';
import { stream } from '../config/random.js';
import type { LoopConfig } from '../config/loop.js';
import { formatPrompt, ownConvention, scoreByConvention } from '../datasets/index.js';
import type { Engine } from '../engine/index.js';
import { roundPairs } from '../learning/preference/round-pairs.js';
import { SimilarityCalculator } from '../learning/metrics/similarity-calculator.js';
import { believed } from '../learning/reward/judge-sources.js';
import { heldOutRequests } from '../learning/tracking/held-out.js';
import { compareBeforehand } from './compare-beforehand.js';
import { modelFolders, RoundFiles, type Dependencies } from './dependencies.js';
import { MAX_NEW_TOKENS } from './feedback.js';
import type { CpuActivities, GpuActivities, SampledAnswersRow } from './interfaces.js';

/** Stage 8, the pairs of preference learning: which answer is better than which. */
export function createPreferenceCpuActivities(deps: Dependencies): Pick<CpuActivities, 'collectPreferences'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async collectPreferences({ key, config, feedbackRef, rewardsRef, examplesRef, earlierExamplesRef, samplesRef }) {
      const { minimumLead, minimumPairs, maximumPairs } = config.preference;
      const isBelieved = believed(await files.read<RewardRow>(rewardsRef));
      const events = (await files.read<FeedbackEvent>(feedbackRef)).filter(isBelieved);
      const texts = new SimilarityCalculator();
      const similarity = await compareBeforehand(events, 'rejected_output', (output, other) =>
        texts.calculateSimilarity(output, other),
      );
      const { pairs, rejected } = roundPairs(
        {
          events,
          examples: await knownExamples(files, config, examplesRef, earlierExamplesRef),
          samples: samplesRef === null ? [] : await files.read<SampledAnswersRow>(samplesRef),
          scoreOf: (...answer) => scoreByConvention(ownConvention(config.simulatedUsers), ...answer),
        },
        { minimumLead, maximumPairs, seed: config.seed + key.round, similarity },
      );
      const ready = pairs.length >= minimumPairs;
      const rows = pairs.map((pair) => ({ ...pair, prompt: formatPrompt(pair.artifactType, pair.prompt) }));
      return {
        pairsRef: await files.write(key, 'preferences', rows),
        rejectedRef: await files.write(key, 'preferences-rejected', rejected),
        ready,
        reason: ready ? `${pairs.length} pairs` : `${pairs.length} pairs of at least ${minimumPairs}`,
      };
    },
  };
}

/** Stage 8, the champion's answers that pairs are made of. */
export function createPreferenceGpuActivities(
  deps: Dependencies & { engine: Engine },
): Pick<GpuActivities, 'sampleAnswers'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async sampleAnswers({ key, config, feedbackRef, examplesRef, earlierExamplesRef, champion }) {
      const { inputs, samples, temperature } = config.preference;
      const context = Context.current();
      const seed = config.seed + key.round;
      const isHeldOut = heldOutRequests(await knownExamples(files, config, examplesRef, earlierExamplesRef));
      const open = (await files.read<FeedbackEvent>(feedbackRef))
        .filter((event) => !isHeldOut(event.artifact_type, event.input_data))
        .map(({ artifact_type, input_data }) => ({ artifactType: artifact_type, input: input_data }));
      const unique = [...new Map(open.map((row) => [JSON.stringify(row), row])).entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, row]) => row);
      const requests = stream(seed, 'preference', 'requests').shuffle(unique).slice(0, inputs);
      if (requests.length === 0) return files.write(key, 'samples', []);
      const generations = await deps.engine.generate(
        {
          ...modelFolders(config, files, champion),
          prompts: requests.flatMap(({ artifactType, input }) =>
            Array.from({ length: samples }, () => formatPrompt(artifactType, input)),
          ),
          truncatePrompts: true,
          maxNewTokens: MAX_NEW_TOKENS,
          temperature,
          seed,
        },
        { signal: context.cancellationSignal, onProgress: (done, total) => context.heartbeat({ done, total }) },
      );
      const rows = requests.map((request, place): SampledAnswersRow => {
        const own = generations.slice(place * samples, (place + 1) * samples);
        return { ...request, outputs: own.map(({ text }) => text) };
      });
      return files.write(key, 'samples', rows);
    },
  };
}

async function knownExamples(
  files: RoundFiles,
  config: LoopConfig,
  examplesRef: ArtifactRef,
  earlierExamplesRef: ArtifactRef | null,
): Promise<ExampleRow[]> {
  const earlier = await files.readEarlier(earlierExamplesRef, config);
  return [...earlier, ...(await files.read<ExampleRow>(examplesRef))].filter((row) => row.parentId === undefined);
}
