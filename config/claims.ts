import { z } from 'zod';
import { ARTIFACT_TYPES, type ArtifactType } from './domain.js';

/** How much is run: `smoke` in minutes, `cpu` over hours in parts. */
export const CLAIM_TIERS = ['smoke', 'cpu'] as const;
export type ClaimTier = (typeof CLAIM_TIERS)[number];

/** A statistic of one run of one arm, or of one probe (which trains nothing). */
export const CLAIM_MEASURES = [
  'labelsToTarget',
  'labelsToSuccess',
  'secondsToTarget',
  'visitsToTarget',
  'operationsToTarget',
  'labelsToReference',
  'score',
  'successRate',
  'edgeSuccessRate',
  'hardShare',
  'scorePerLabel',
  'scorePerOperation',
  'rewordedScore',
  'robustnessDrop',
  'genericShare',
  'diversityBigrams',
  'diversityVendi',
  'similarityCorrelation',
  'similarityPairs',
] as const;
export type ClaimMeasure = (typeof CLAIM_MEASURES)[number];

const settings = z.record(z.string(), z.unknown());

/** One claim, how it is measured, and what would meet it. Written before anything is run. */
export const Claim = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  claimed: z.string().describe('The sentence of the documents.'),
  measure: z.enum(CLAIM_MEASURES).nullable().describe('Null: not measured by this command.'),
  better: z.enum(['higher', 'lower']).default('higher'),
  comparison: z
    .enum(['ratio', 'difference'])
    .default('difference')
    .describe('How the arm is compared with what it is measured against.'),
  arm: z.string().default('v2'),
  against: z.string().default('v1'),
  target: z
    .strictObject({
      of: z
        .enum(['comparison', 'arm'])
        .describe('What the target is a bound of: the comparison, or the level of the arm.'),
      value: z.number(),
      to: z.number().optional().describe('The other end, where too much is wrong as well.'),
    })
    .nullable()
    .default(null),
  artifactType: z.enum(ARTIFACT_TYPES).optional().describe('The score on this type alone.'),
  margin: z
    .number()
    .positive()
    .optional()
    .describe('Asks only that it is not worse by more than this; met when the whole interval says so.'),
  headline: z.boolean().default(false).describe('Belongs to the family that Holm corrects over.'),
  note: z.string().default(''),
});
export type Claim = z.infer<typeof Claim>;

/** What is fixed before a run: claims, arms, seeds and budgets. Its hash goes into every result. */
export const Preregistration = z.strictObject({
  version: z.literal(1),
  revision: z
    .string()
    .describe("Of the loop's code, another one wherever its results change: runs of others do not count."),
  generatorSha256: z.string().describe('Fingerprint of the task generators and validators.'),
  modelSha256: z.string().describe('SHA-256 of the base model.'),
  arms: z.record(
    z.string(),
    z.strictObject({
      preset: z.enum(['v1', 'v2']),
      settings: settings.default({}).describe('Over those of the tier.'),
      asConfigured: z
        .boolean()
        .default(false)
        .describe("Trains for its configuration's epochs instead of the tier's rows per label."),
      rounds: z
        .int()
        .min(1)
        .optional()
        .describe(
          'Where the question needs more labels than the tier has rounds for; goes on with an equal shorter arm.',
        ),
    }),
  ),
  tiers: z.record(
    z.enum(CLAIM_TIERS),
    z.strictObject({
      seeds: z.array(z.int().min(0)).min(1),
      arms: z.array(z.string()).min(1),
      probeSeeds: z.array(z.int().min(0)).describe('Comparisons that train nothing; they are of the base types.'),
      rounds: z.int().min(1),
      note: z.string().default('').describe('What a reader of the results must know.'),
      rowVisitsPerLabel: z
        .number()
        .positive()
        .describe('Rows a round trains on, counted with repeats, per label known.'),
      targetScore: z.number().describe('Mean validation score that counts as reached in two evaluations in a row.'),
      settings: settings.describe('Loop settings that all arms share.'),
    }),
  ),
  claims: z.array(Claim).min(1),
});
export type Preregistration = z.infer<typeof Preregistration>;

/** A model on one set of held-out requests. */
export interface ArmScore {
  /** 0–100. */
  score: number;
  /** Shares 0–1 of answers with at least 70 points. */
  successRate: number;
  edgeSuccessRate: number;
}

/** One round of an arm. Counts are sums from the first round on. */
export interface ArmRound extends ArmScore {
  round: number;
  labels: number;
  trained: boolean;
  promoted: boolean;
  reason: string;
  steps: number;
  /** Rows seen by training, with repeats; tuning trials included. */
  rowVisits: number;
  /** Floating point operations of scoring, tuning and training, by the usual estimate; not in results of before it was counted. */
  operations?: number;
  /** Wall time of reward to tracking, scoring and tuning included; the users' requests and our measuring are not. */
  seconds: number;
  /** Share of this round's labelled requests with difficulty of at least .65. */
  hardShare: number | null;
}

/** What a run of one arm leaves behind. */
export interface ArmResult {
  key: string;
  tier: ClaimTier;
  arm: string;
  seed: number;
  /** Before the first round, on the measuring requests. */
  base: ArmScore;
  rounds: ArmRound[];
  /** The last model in use on the test split, which nothing else looks at. */
  test: ArmScore;
  baseTest: ArmScore;
  /** Score on test requests with other names and another wording than the generator's. */
  rewordedScore: number;
  /** Points lost by that. */
  robustnessDrop: number;
  byType: Partial<Record<ArtifactType, number>>;
  machine: { cpus: number; loadAtStart: number; loadAtEnd: number };
}

/** Quality gates as a detector of planted boilerplate. */
export interface GateDetection {
  /** Share of the refused labels that had been planted; null where none was refused. */
  precision: number | null;
  /** Share of the planted labels that were refused. */
  recall: number;
}

/** What the gates of V1 and V2 find where so large a share of the labels is planted. */
export interface GateProbe {
  planted: number;
  v1: GateDetection;
  v2: GateDetection;
}

/** Comparisons of components that need no training: V1's way and V2's way on the same rows. */
export interface ProbeResult {
  key: string;
  seed: number;
  values: Partial<Record<ClaimMeasure, { v1: number; v2: number }>>;
  /** Share of the good labels that the gates keep. */
  goodKept: { v1: number; v2: number };
  gates: GateProbe[];
}

export const VERDICTS = ['met', 'improved, below target', 'no effect', 'worse', 'not measured'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One line of the report. */
export interface ClaimRow {
  id: string;
  claimed: string;
  /** A sentence with the levels of both sides; null where nothing was measured. */
  measured: string | null;
  /** Means over the seeds. */
  levels: { arm: number; against: number } | null;
  /** The comparison: a ratio arm ÷ against, or a difference arm − against, as `comparison` says. */
  measuredGain: number | null;
  comparison: Claim['comparison'];
  better: Claim['better'];
  /** 95 % paired bootstrap interval of `measuredGain`. */
  interval: [number, number] | null;
  target: Claim['target'];
  margin?: number | undefined;
  /** Paired seeds. */
  seeds: number;
  /** Runs that never reached the target and count with the larger budget of both sides (restricted mean). */
  censored: { arm: number; against: number } | null;
  p: number | null;
  /** Over the headlines. */
  pHolm: number | null;
  effectSize: number | null;
  headline: boolean;
  verdict: Verdict;
  note: string;
}

export interface ClaimsReport {
  tier: ClaimTier;
  preregistrationSha256: string;
  generatorSha256: string;
  modelSha256: string;
  seeds: number[];
  /** Arms and how many of their seeds are done. */
  arms: Record<string, number>;
  rounds: number;
  /** Labels an arm used by its end, mean over its runs. A loop that admits few requests cannot spend its budget. */
  labels: Record<string, number>;
  machine: { cpus: number; load: [number, number] } | null;
  complete: boolean;
  /** What the registration says a reader must know. */
  note: string;
  /** Share of the good labels that V2's quality gates keep beside planted boilerplate. */
  goodKept: number | null;
  /** Means over the seeds. */
  gates: GateProbe[];
  claims: ClaimRow[];
}
