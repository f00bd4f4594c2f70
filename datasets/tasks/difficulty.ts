import type { ArtifactType } from '../../config/domain.js';
import { RARE_CONSTRUCTS } from './family.js';
import { familyOf } from './families.js';
import { preTokenize } from './prompt.js';

const LARGEST: Readonly<Record<ArtifactType, number>> = { erd: 9, architecture: 12, code_prototype: 5, sql_query: 6 };

/**
 * Raw difficulty at the 35 % and 90 % quantiles of the target distribution, measured once and frozen, so that in each
 * type about 35 % of requests are easy (< .35) and 10 % are hard (≥ .65).
 */
const QUANTILES: Readonly<Record<ArtifactType, readonly [number, number]>> = {
  erd: [0.3006, 0.6939],
  architecture: [0.3719, 0.6981],
  code_prototype: [0.3061, 0.5392],
  sql_query: [0.3944, 0.6678],
};

/** Requests come again, in every round and with every event about them: short ones are read once, so many at a time. */
const REQUESTS_KEPT = 50_000;
const SHORT = 1_000;
const known = new Map<string, number>();

/** Raw difficulty (requirements §3): min(1, .35·length/45 + .40·size/largest + .25·min(1, rare constructs/2)). */
export function rawDifficulty(artifactType: ArtifactType, input: string): number {
  const family = familyOf(artifactType);
  const statements = family.parse(input);
  const length = preTokenize(input).length;
  const size = statements === null ? length / 6 : family.size(statements);
  const rare =
    statements === null ? 0 : family.constructs(statements).filter((name) => RARE_CONSTRUCTS.has(name)).length;
  return Math.min(1, (0.35 * length) / 45 + (0.4 * size) / LARGEST[artifactType] + 0.25 * Math.min(1, rare / 2));
}

/**
 * Difficulty of a request, 0–1, from its text alone: the raw difficulty, stretched piecewise linearly so that the
 * bands hold the same shares in each artifact type. A text outside the closed language counts by its length.
 */
export function estimateDifficulty(artifactType: ArtifactType, input: string): number {
  const raw = rememberedDifficulty(artifactType, input);
  const [easy, hard] = QUANTILES[artifactType];
  if (raw < easy) return (0.35 * raw) / easy;
  if (raw < hard) return 0.35 + (0.3 * (raw - easy)) / (hard - easy);
  return 0.65 + (0.35 * (raw - hard)) / (1 - hard);
}

function rememberedDifficulty(artifactType: ArtifactType, input: string): number {
  const key = `${artifactType} ${input}`;
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const raw = rawDifficulty(artifactType, input);
  if (known.size === REQUESTS_KEPT) known.clear();
  if (input.length <= SHORT) known.set(key, raw);
  return raw;
}
