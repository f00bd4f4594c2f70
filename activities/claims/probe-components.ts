import type { ProbeResult } from '../../config/claims.js';
import { PRESETS } from '../../config/presets.js';
import { stream } from '../../config/random.js';
import { LoopConfig } from '../../config/loop.js';
import {
  annotate,
  boilerplate,
  corruptArtifact,
  generateTasks,
  groundedness,
  validateArtifact,
  type Task,
} from '../../datasets/index.js';
import { distinctBigrams, vendiScore } from '../../learning/claims/diversity.js';
import { DataAugmenter } from '../../learning/augmentation/data-augmenter.js';
import { QualityGates, type LabelCandidate } from '../../learning/feedback/quality-gates.js';
import { levenshteinSimilarity } from '../../learning/metrics/levenshtein.js';
import { SimilarityCalculator } from '../../learning/metrics/similarity-calculator.js';
import { spearman } from '../../learning/statistics/correlation.js';
import { mean } from '../../learning/statistics/descriptive.js';
import { OPERATORS } from '../augmentation.js';

/** Requests a probe looks at. */
const REQUESTS = 200;
/** Share of labels that are planted boilerplate: an input of the experiment, not a finding. */
const PLANTED = 0.2;
/** Shares at which the gates are looked at as detectors (requirements §3). */
export const PLANTED_SHARES = [0.05, PLANTED, 0.4];
/** Originals that are augmented. */
const ORIGINALS = 60;
/** Mistakes of the graded answers whose order a similarity has to find; more would leave nothing of a small artifact. */
const EDITS = [0, 1, 1, 2, 2];

/** Compares V1's way with V2's on the same rows where nothing has to be trained: gates, diversity, similarity. */
export async function probeComponents(seed: number): Promise<Omit<ProbeResult, 'key'>> {
  const tasks = generateTasks({
    seed,
    purpose: 'claims-probe',
    count: REQUESTS,
    distribution: 'target',
    split: 'pool',
  });
  const gates = PLANTED_SHARES.map((planted) => ({
    planted,
    v1: probeGates(tasks, seed, 'v1', planted),
    v2: probeGates(tasks, seed, 'v2', planted),
  }));
  const { v1, v2 } = gates.find(({ planted }) => planted === PLANTED)!;
  return {
    seed,
    values: {
      genericShare: { v1: v1.generic, v2: v2.generic },
      ...(await probeDiversity(tasks.slice(0, ORIGINALS), seed)),
      ...probeSimilarity(tasks, seed),
    },
    goodKept: { v1: v1.goodKept, v2: v2.goodKept },
    gates: gates.map((probe) => ({ planted: probe.planted, v1: probe.v1.detection, v2: probe.v2.detection })),
  };
}

/** Labels with planted boilerplate through the gates of a preset: what share of the accepted was planted, what was found. */
function probeGates(tasks: readonly Task[], seed: number, preset: keyof typeof PRESETS, share: number) {
  const { gate } = LoopConfig.parse(PRESETS[preset]);
  const random = stream(seed, 'claims', 'boilerplate');
  const planted = new Set<string>();
  const labelled = tasks.map(({ id, artifactType, specification }): LabelCandidate => {
    const isPlanted = random.float() < share;
    if (isPlanted) planted.add(id);
    const target = isPlanted
      ? boilerplate(artifactType, random)
      : annotate({ artifactType, specification }, { seed, wrongRate: 0 }).correctedOutput;
    // What a careless user accepts carries a score that does not tell: the gates have to see it in the text.
    return { id, artifactType, input: specification, target, labelScore: 80 };
  });
  const gates = new QualityGates({
    config: gate,
    gates: gate.checks,
    groundednessOf: (row) => groundedness(row.artifactType, row.input, row.target),
  });
  const { accepted } = gates.apply(labelled);
  const generic = accepted.filter((row) => planted.has(row.id)).length;
  const good = labelled.length - planted.size;
  const refused = labelled.length - accepted.length;
  const found = planted.size - generic;
  return {
    generic: accepted.length === 0 ? 0 : generic / accepted.length,
    goodKept: (accepted.length - generic) / good,
    detection: { precision: refused === 0 ? null : found / refused, recall: found / planted.size },
  };
}

/** Originals beside originals with their variants, by the default factor. */
async function probeDiversity(tasks: readonly Task[], seed: number): Promise<ProbeResult['values']> {
  const { augmentation } = LoopConfig.parse({});
  const originals = tasks.map((task) => ({
    id: task.id,
    eventId: task.id,
    artifactType: task.artifactType,
    input: task.specification,
    target: task.reference,
    source: 'correction' as const,
    difficulty: task.difficulty,
    reward: 1,
    labelScore: 100,
    hardNegative: false,
    split: 'train' as const,
  }));
  const augmented = await new DataAugmenter(augmentation.factor).augmentTrainingData(
    originals,
    OPERATORS,
    (row) => validateArtifact(row.artifactType, row.input, row.target).score,
    { seed },
  );
  const texts = (rows: readonly { input: string; target: string }[]) =>
    rows.map((row) => `${row.input}\n${row.target}`);
  const [before, after] = [texts(originals), texts(augmented.examples)];
  return {
    diversityBigrams: { v1: distinctBigrams(before), v2: distinctBigrams(after) },
    diversityVendi: { v1: vendiScore(before), v2: vendiScore(after) },
  };
}

/** How well each similarity orders answers with more and more mistakes, as the validator's score does. */
function probeSimilarity(tasks: readonly Task[], seed: number): ProbeResult['values'] {
  const combined = new SimilarityCalculator();
  const random = stream(seed, 'claims', 'similarity');
  const rows = tasks.map(({ artifactType, specification, reference }) =>
    EDITS.map((edits) => {
      const output = edits === 0 ? reference : corruptArtifact(artifactType, specification, random, edits);
      return {
        score: validateArtifact(artifactType, specification, output).score,
        v1: levenshteinSimilarity(output, reference),
        v2: combined.calculateSimilarity(output, reference),
      };
    }),
  );
  const correlation = (side: 'v1' | 'v2') =>
    spearman(
      rows.flat().map((row) => row[side]),
      rows.flat().map((row) => row.score),
    ).rho;
  return {
    similarityCorrelation: { v1: correlation('v1'), v2: correlation('v2') },
    similarityPairs: {
      v1: mean(rows.map((row) => pairAccuracy(row, 'v1'))),
      v2: mean(rows.map((row) => pairAccuracy(row, 'v2'))),
    },
  };
}

/** Share of pairs of different scores that the similarity orders alike; a tie counts half. */
function pairAccuracy(row: readonly { score: number; v1: number; v2: number }[], side: 'v1' | 'v2'): number {
  let [right, pairs] = [0, 0];
  for (const [place, a] of row.entries()) {
    for (const b of row.slice(0, place)) {
      if (a.score === b.score) continue;
      pairs++;
      const agreement = Math.sign(a.score - b.score) * Math.sign(a[side] - b[side]);
      right += (1 + agreement) / 2;
    }
  }
  return pairs === 0 ? 1 : right / pairs;
}
