import type { FeedbackEvent, ImplicitAction } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';

/** What a user let us know about an answer, directly or by what they did with it. */
export type FeedbackSignal =
  /** Comparisons with other answers to the same request that the answer won and lost. */
  | { kind: 'preference'; wins: number; losses: number }
  | { kind: 'thumbs'; up: number; down: number }
  /** Similarity 0–1 of the answer and what the user made of it. */
  | { kind: 'edit'; similarity: number }
  | { kind: 'implicit'; action: ImplicitAction };

/** An action can have many reasons, so none says more than ±0.3. */
const IMPLICIT_REWARD: Record<ImplicitAction, number> = { used: 0.3, kept: 0.15, abandoned: -0.15, regenerated: -0.3 };

/** How much a signal says beside others about the same answer. */
export const EVIDENCE: Record<FeedbackSignal['kind'], number> = {
  edit: 1,
  preference: 0.8,
  thumbs: 0.8,
  implicit: 0.2,
};

/**
 * The reward of one signal, −1 … 1.
 * - preference: `(wins − losses) / (wins + losses + 2)`, which is 2p − 1 for the posterior mean p of the chance to win
 *   under a uniform prior (Laplace's rule): one comparison says 1/3, many say up to 1;
 * - thumbs: `(up − down) / (up + down + 1)`: one thumb says 1/2;
 * - edit: `2·similarity − 1`, as in R1: 1 for an answer left as it is, −1 for one written anew;
 * - implicit: used +0.3, kept +0.15, abandoned −0.15, regenerated −0.3.
 *
 * Never falls when a win, a thumb up or similarity is added.
 *
 * @throws RatchetError E_DATA_INVALID on a count that is no integer ≥ 0 or a similarity outside 0 … 1
 */
export function signalReward(signal: FeedbackSignal): number {
  switch (signal.kind) {
    case 'preference':
      return balance('preference', signal.wins, signal.losses, 2);
    case 'thumbs':
      return balance('thumbs', signal.up, signal.down, 1);
    case 'edit':
      if (!(signal.similarity >= 0 && signal.similarity <= 1))
        throw outOfRange(`the similarity of an edit is ${signal.similarity}, outside 0 … 1`);
      return 2 * signal.similarity - 1;
    case 'implicit':
      return IMPLICIT_REWARD[signal.action];
  }
}

/** The signal of an event whose user said nothing outright: a comparison, a thumb or an action; null for other types. */
export function signalOf({ feedback_type: type, implicit_action: action }: FeedbackEvent): FeedbackSignal | null {
  if (type === 'PREFERENCE') return { kind: 'preference', wins: 1, losses: 0 };
  if (type === 'THUMBS_UP' || type === 'THUMBS_DOWN')
    return { kind: 'thumbs', up: type === 'THUMBS_UP' ? 1 : 0, down: type === 'THUMBS_DOWN' ? 1 : 0 };
  return action === undefined ? null : { kind: 'implicit', action };
}

/** A signal and how far its source is believed, 0–1 (see {@link import('./source-trust.js').estimateTrust}). */
export interface TrustedSignal {
  signal: FeedbackSignal;
  trust: number;
}

/**
 * The reward of all signals about one answer, −1 … 1: `Σ eᵢ·tᵢ·rᵢ / Σ eᵢ·tᵢ` with the evidence e of the kind (edit 1,
 * preference and thumbs 0.8, implicit 0.2) and the trust t in the source. Null when nobody who is trusted said anything.
 */
export function combinedReward(signals: readonly TrustedSignal[]): number | null {
  let [weighted, total] = [0, 0];
  for (const { signal, trust } of signals) {
    if (!(trust >= 0 && trust <= 1)) throw outOfRange(`the trust in a source is ${trust}, outside 0 … 1`);
    const weight = EVIDENCE[signal.kind] * trust;
    weighted += weight * signalReward(signal);
    total += weight;
  }
  return total === 0 ? null : Math.min(1, Math.max(-1, weighted / total));
}

function balance(kind: string, good: number, bad: number, prior: number): number {
  for (const count of [good, bad])
    if (!Number.isSafeInteger(count) || count < 0) throw outOfRange(`a count of ${kind} is ${count}`);
  return (good - bad) / (good + bad + prior);
}

const outOfRange = (what: string) =>
  new RatchetError('E_DATA_INVALID', `feedback reward: ${what}`, {
    hint: 'Validate feedback before it is turned into rewards.',
  });
