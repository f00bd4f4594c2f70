import type {
  CurriculumRow,
  ExampleRow,
  FeedbackEvent,
  LabelYieldRow,
  RequestScoreRow,
  RewardRow,
  SelectionRow,
} from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { annotate, conventionAt, groundedness, ownConvention, scoreByConvention, taskId } from '../datasets/index.js';
import { labelOf, labelTrust, type Label } from '../learning/feedback/label.js';
import { candidateKey, QualityGates, type LabelCandidate } from '../learning/feedback/quality-gates.js';
import { selectRandom, type SelectionCandidate } from '../learning/selection/active-learner.js';
import { believed } from '../learning/reward/judge-sources.js';
import { hasOpinion } from '../learning/reward/score-rewards.js';
import { chooseExamples } from '../learning/selection/choose-examples.js';
import { falseNegativeReason } from '../learning/selection/false-negatives.js';
import { FAILURE_THRESHOLD, HardNegativeMiner } from '../learning/selection/hard-negative-miner.js';
import { labelYields } from '../learning/selection/label-yields.js';
import { fallbackMode, recordYields, type FallbackState } from '../learning/selection/random-fallback.js';
import { uncertaintyOf } from '../learning/selection/uncertainty.js';
import { normalizedText, splitTrainValidation } from '../learning/tracking/split.js';
import { holdsOut } from '../learning/tracking/validation-use.js';
import { RoundFiles, type Dependencies } from './dependencies.js';
import { readEmbeddings } from './embeddings.js';
import { mapInSlices } from './give-way.js';
import type { AnswerRow, CpuActivities, VotesRow } from './interfaces.js';

/** Trust in a label that the simulated annotator would give: it is right but for its rate of wrong labels. */
const annotatorTrust = (config: LoopConfig): number => 1 - (config.simulatedUsers?.wrongLabels ?? 0);
const FULL_SCORE = 100;
/** Share of the budget that goes to the hardest failures, when they are mined. */
const HARD_NEGATIVE_SHARE = 0.25;

interface Candidate extends SelectionCandidate {
  event: FeedbackEvent;
  label: Label | null;
}

/** Stage 4: selection, the labels of what is selected, and the quality gates. */
export function createSelectionActivities(deps: Dependencies): Pick<CpuActivities, 'selectExamples' | 'measureYields'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async selectExamples(input) {
      const { key, config, feedbackRef, rewardsRef, curriculumRef, earlierExamplesRef, fallback } = input;
      const { answersRef, votesRef, embeddingsRef } = input;
      const events = await files.read<FeedbackEvent>(feedbackRef);
      const rewardRows = await files.read<RewardRow>(rewardsRef);
      const rewards = new Map(rewardRows.map((row) => [row.eventId, row]));
      const lessons = new Map((await files.read<CurriculumRow>(curriculumRef)).map((row) => [row.eventId, row]));
      const entropies = new Map<string, number>();
      for (const answer of answersRef === null ? [] : await files.read<AnswerRow>(answersRef)) {
        entropies.set(answer.id, answer.meanEntropy);
      }

      const votes = new Map<string, string[]>();
      for (const row of votesRef === undefined ? [] : await files.read<VotesRow>(votesRef)) {
        votes.set(row.eventId, row.answers);
      }

      const embed = embeddingsRef && (await readEmbeddings(files, embeddingsRef));

      // Without the variants, which would be counted as rows that train and push every new label to the other side.
      const earlier = (await files.readEarlier(earlierExamplesRef, config)).filter((row) => row.parentId === undefined);

      const candidates = events
        .filter(believed(rewardRows))
        .filter((event) => lessons.get(event.id)?.admitted)
        .map((event) =>
          toCandidate(event, config, {
            meanEntropy: entropies.get(taskId(event.artifact_type, event.input_data)),
            base: rewards.get(event.id)!.base,
          }),
        )
        .filter((candidate) => candidate !== null)
        .map((candidate): Candidate => {
          const answers = votes.get(candidate.eventId);
          return {
            ...candidate,
            ...(answers !== undefined && { votes: answers }),
            ...(embed !== undefined && { vector: embed(candidate.text) }),
          };
        });
      const difficultyOf = (id: string) => lessons.get(id)!.difficulty;
      const { selected, rows, hardNegatives } = await select(candidates, config, key.round, difficultyOf, fallback);

      let labels = 0;
      const accepted = config.selection.keepAccepted ? acceptedAnswers(candidates, selected, config, difficultyOf) : [];
      const labelled = [...selected, ...accepted].map(({ event, label }) => {
        if (label === null) labels++;
        const target =
          label?.text ??
          annotate(
            { artifactType: event.artifact_type, specification: event.input_data },
            {
              wrongRate: config.simulatedUsers!.wrongLabels,
              seed: config.seed,
              convention: conventionAt(config.simulatedUsers, event.ts),
            },
          ).correctedOutput;
        return {
          id: event.id,
          ts: event.ts,
          artifactType: event.artifact_type,
          input: event.input_data,
          target,
          labelScore: scoreAnswer(event, target, config),
          source: label?.source ?? ('correction' as const),
        };
      });
      const gates = new QualityGates({
        config: config.gate,
        gates: config.gate.checks,
        groundednessOf: (row: LabelCandidate) => groundedness(row.artifactType, row.input, row.target),
      });
      const { accepted: kept, rejected } = gates.apply(labelled, new Set(earlier.map(candidateKey)));
      const inputs = new Set(kept.map((row) => normalizedText(row.input)));
      const isAskedAgain = (row: ExampleRow) => inputs.has(normalizedText(row.input));
      const sides = holdsOut(config)
        ? splitTrainValidation(
            [...(config.tracking.holdOut === 'fixed' ? earlier : earlier.filter(isAskedAgain)), ...kept],
            {
              seed: config.seed,
              ratio: config.tracking.validationRatio,
              earlier: new Map(earlier.map((row) => [row.id, row.split])),
            },
          )
        : new Map(kept.map((row) => [row.id, 'train' as const]));
      const examples = kept.map((row): ExampleRow => ({
        ...row,
        eventId: row.id,
        difficulty: lessons.get(row.id)!.difficulty,
        reward: rewards.get(row.id)!.reward,
        hardNegative: hardNegatives.has(row.id),
        split: sides.get(row.id)!,
      }));
      return {
        selectionRef: await files.write(key, 'selection', rows),
        examplesRef: await files.write(key, 'labelled', examples),
        rejectedRef: await files.write(
          key,
          'rejected',
          rejected.map(({ row }) => row),
        ),
        labels,
        ...(fallback !== undefined && {
          slicesRef: await files.write(
            key,
            'slices',
            rows.filter((row) => row.slice !== undefined),
          ),
        }),
      };
    },

    async measureYields({ key, slicesRef, examplesRef, championRef, challengerRef, fallback }) {
      const slices = new Map((await files.read<SelectionRow>(slicesRef)).map((row) => [row.eventId, row.slice!]));
      const labels = (await files.read<ExampleRow>(examplesRef)).filter(
        (row) => row.parentId === undefined && row.split === 'train' && slices.has(row.eventId),
      );
      const before = new Map((await files.read<RequestScoreRow>(championRef)).map((row) => [row.id, row.score]));
      const heldOut = (await files.read<RequestScoreRow>(challengerRef)).map(({ id, artifactType, input, score }) => ({
        artifactType,
        input,
        gain: score - before.get(id)!,
      }));
      const yields = labelYields(labels, heldOut);
      const rows = labels.map(({ eventId }, place): LabelYieldRow => {
        return { eventId, slice: slices.get(eventId)!, yield: yields[place]! };
      });
      const of = (slice: LabelYieldRow['slice']) => rows.filter((row) => row.slice === slice).map((row) => row.yield);
      const next = recordYields(fallback, of('strategy'), of('random'));
      return { yieldsRef: await files.write(key, 'yields', rows), fallback: next, mode: fallbackMode(next) };
    },
  };
}

/** An event that could teach something; null when it carries no label and there is no annotator to ask. */
function toCandidate(
  event: FeedbackEvent,
  config: LoopConfig,
  { meanEntropy, base }: { meanEntropy: number | undefined; base: number },
): Candidate | null {
  let label = labelOf(event);
  // The simulated annotator is asked rather than an imperfect answer believed.
  if (config.simulatedUsers && label?.source === 'accepted' && event.validation_score < 100) label = null;
  if (label === null && !config.simulatedUsers) return null;
  const labelScore = label && scoreAnswer(event, label.text, config);
  return {
    eventId: event.id,
    artifactType: event.artifact_type,
    text: event.input_data,
    uncertainty: uncertaintyOf(event.validation_score, meanEntropy, hasOpinion(event) ? base : undefined),
    quality: label ? labelTrust(event, label, labelScore!) : annotatorTrust(config),
    event,
    label,
  };
}

/** The hardest answers that users accepted in full and the selection left, at most as many as its budget. */
function acceptedAnswers(
  candidates: readonly Candidate[],
  selected: readonly Candidate[],
  config: LoopConfig,
  difficultyOf: (eventId: string) => number,
): Candidate[] {
  const taken = new Set(selected.map((candidate) => candidate.eventId));
  return candidates
    .filter(({ eventId, event, label }) => {
      return label?.source === 'accepted' && event.validation_score === FULL_SCORE && !taken.has(eventId);
    })
    .sort((a, b) => difficultyOf(b.eventId) - difficultyOf(a.eventId) || (a.eventId < b.eventId ? -1 : 1))
    .slice(0, config.selection.budget);
}

/** Active learning or a random draw within the budget; mined failures take their share of it first. */
async function select(
  candidates: readonly Candidate[],
  config: LoopConfig,
  round: number,
  difficultyOf: (eventId: string) => number,
  fallback: FallbackState | undefined,
): Promise<{ selected: Candidate[]; rows: SelectionRow[]; hardNegatives: Set<string> }> {
  const { budget, uncertainty, diversity, quality } = config.selection;
  const mined = config.components.hardNegativeMining ? await mine(candidates, config, difficultyOf) : [];
  const taken = new Set(mined.map((candidate) => candidate.eventId));
  const open = candidates.filter((candidate) => !taken.has(candidate.eventId));
  const chosen = config.components.activeLearning
    ? chooseExamples(open, {
        strategy: config.selection.strategy,
        budget: budget - mined.length,
        seed: config.seed + round,
        weights: { uncertainty, diversity, quality },
        ...(fallback !== undefined && { fallback }),
      })
    : selectRandom(open, { budget: budget - mined.length, seed: config.seed + round });
  const minedRows = mined.map((candidate, place): SelectionRow => {
    const { eventId, artifactType } = candidate;
    const score = uncertainty * candidate.uncertainty + diversity + quality * candidate.quality;
    const parts = { uncertainty: candidate.uncertainty, diversity: 1, quality: candidate.quality };
    return { eventId, artifactType, rank: place + 1, selected: true, ...parts, score };
  });
  const rows = [...minedRows, ...chosen.metadata.map((row) => ({ ...row, rank: row.rank + mined.length }))];
  return { selected: [...mined, ...chosen.selected], rows, hardNegatives: taken };
}

/** The validator's score of an answer to an event's request. */
const scoreAnswer = (event: FeedbackEvent, answer: string, { simulatedUsers }: LoopConfig): number =>
  scoreByConvention(ownConvention(simulatedUsers), event.artifact_type, event.input_data, answer);

/** The hardest failures that are true ones, the same number of each artifact type as far as there are any. */
async function mine(
  candidates: readonly Candidate[],
  config: LoopConfig,
  difficultyOf: (eventId: string) => number,
): Promise<Candidate[]> {
  const validated = (event: FeedbackEvent) => scoreAnswer(event, event.ai_output, config);
  const miner = new HardNegativeMiner();
  const byId = new Map(candidates.map((candidate) => [candidate.eventId, candidate]));
  // Compares outputs with corrections, which takes seconds where they are long.
  await mapInSlices(candidates, ({ event }) => {
    if (event.validation_score < FAILURE_THRESHOLD && falseNegativeReason(event, validated) !== null) return;
    miner.recordOutcome({
      id: event.id,
      artifactType: event.artifact_type,
      input: event.input_data,
      output: event.ai_output,
      score: event.validation_score,
      difficulty: difficultyOf(event.id),
    });
  });
  const types = [...new Set(candidates.map((candidate) => candidate.artifactType))].sort();
  const each = Math.floor((config.selection.budget * HARD_NEGATIVE_SHARE) / Math.max(1, types.length));
  return types.flatMap((type) => miner.getHardNegatives(type, Math.min(20, each)).map((row) => byId.get(row.id)!));
}
