import type { ArtifactType, FeedbackEvent, RejectedRow } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';
import { preferencePair, type PreferencePair } from './preference-pair.js';

/** An answer with its score, 0–100. */
export interface RankedOutput {
  output: string;
  score: number;
}

export interface CollectedPreferences {
  /** The valid answers, best first; answers of one score by their text. */
  ranking: RankedOutput[];
  /** Largest margin first. */
  pairs: PreferencePair[];
  rejected: RejectedRow[];
}

export interface PreferenceOptions {
  /** The prompt of a request; the request itself when left out. */
  promptOf?: (input: string, context: FeedbackEvent['context']) => string;
  /** Points (0–100) by which the better answer must lead; more than 0 is always required. */
  minimumLead?: number;
}

const FEWEST = 2;
const MOST = 5;
const RAW_LIMIT = 4096;

/**
 * R8: turns 2–5 scored answers to one request into pairs "A is better than B": of n distinct scores all n(n−1)/2 pairs,
 * of equal scores none (Bradley–Terry data as DPO takes it; Rafailov et al. 2023). Whether a loop uses it is its switch
 * `preferenceLearning`, which is off by default.
 */
export class PreferenceLearner {
  private readonly promptOf: NonNullable<PreferenceOptions['promptOf']>;
  private readonly minimumLead: number;

  constructor(options: PreferenceOptions = {}) {
    this.promptOf = options.promptOf ?? ((input) => input);
    this.minimumLead = options.minimumLead ?? 0;
  }

  /**
   * Ranks the answers and pairs them. A blank answer goes to the ledger; one text that was answered several times counts
   * once, with its mean score. Does not depend on the order of the answers.
   *
   * @throws RatchetError E_DATA_INVALID when the input is blank, there are not 2–5 outputs, or a score is missing or
   *   outside 0–100
   */
  collectPreferences(
    input: string,
    outputs: readonly string[],
    scores: readonly number[],
    artifactType: ArtifactType,
    context: FeedbackEvent['context'] = {},
  ): CollectedPreferences {
    checkArguments(input, outputs, scores);
    const rejected: RejectedRow[] = [];
    const scoresOf = new Map<string, number[]>();
    outputs.forEach((output, index) => {
      if (output.trim() === '') {
        const raw = JSON.stringify({ input, output, score: scores[index] }).slice(0, RAW_LIMIT);
        rejected.push({ source: 'preference', line: 0, field: 'outputs', reason: 'the output is empty', raw });
      } else scoresOf.set(output, [...(scoresOf.get(output) ?? []), scores[index]!]);
    });
    const ranking = rankOutputs(scoresOf);
    const prompt = this.promptOf(input, context);
    const pairs = pairRanking(ranking, this.minimumLead).map(([better, worse]) =>
      preferencePair({
        prompt,
        chosen: better.output,
        rejected: worse.output,
        artifactType,
        source: 'ranking',
        margin: (better.score - worse.score) / 100,
        eventIds: [],
      }),
    );
    return { ranking, pairs, rejected };
  }

  /** R14. */
  selfTest(): SelfTestResult {
    const collect = (scores: number[]) =>
      this.collectPreferences('a customer', ['a', 'b', 'c', 'd', 'e'].slice(0, scores.length), scores, 'erd').pairs;
    return runChecks('PreferenceLearner', {
      'five distinct scores give ten pairs': () => collect([100, 80, 60, 40, 20]).length === 10,
      'a tie gives none': () => collect([50, 50]).length === 0,
      'the better one is chosen': () => collect([0, 100])[0]?.chosen === 'b',
    });
  }
}

/** Texts with the means of their scores, best first. */
export function rankOutputs(scoresOf: ReadonlyMap<string, readonly number[]>): RankedOutput[] {
  return [...scoresOf]
    .map(([output, scores]) => ({ output, score: mean(scores) }))
    .sort((a, b) => b.score - a.score || (a.output < b.output ? -1 : 1));
}

/** Every better–worse pair of a ranking, the widest lead first. */
export function pairRanking(ranking: readonly RankedOutput[], minimumLead = 0): [RankedOutput, RankedOutput][] {
  return ranking
    .flatMap((better, place) => ranking.slice(place + 1).map((worse): [RankedOutput, RankedOutput] => [better, worse]))
    .filter(([better, worse]) => better.score > worse.score && better.score - worse.score >= minimumLead)
    .sort((a, b) => b[0].score - b[1].score - (a[0].score - a[1].score));
}

/** Independent of the order: floating-point sums are not. */
function mean(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b).reduce((sum, value) => sum + value, 0) / values.length;
}

function checkArguments(input: string, outputs: readonly string[], scores: readonly number[]): void {
  const refuse = (what: string) => {
    throw new RatchetError('E_DATA_INVALID', `preferences: ${what}`, {
      hint: 'Give one request, 2 to 5 answers to it, and a score of 0 to 100 for each.',
    });
  };
  if (input.trim() === '') refuse('the input is empty');
  if (outputs.length < FEWEST || outputs.length > MOST) refuse(`${outputs.length} outputs, not ${FEWEST} to ${MOST}`);
  if (scores.length !== outputs.length) refuse(`${outputs.length} outputs but ${scores.length} scores`);
  const wrong = scores.findIndex((score) => !(score >= 0 && score <= 100));
  if (wrong >= 0) refuse(`score ${wrong + 1} is ${scores[wrong]}, outside 0 … 100`);
}
