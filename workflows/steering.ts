import { ApplicationFailure, CancellationScope, condition } from '@temporalio/workflow';
import type { LoopState } from '../activities/loop-state.js';
import type { SteerOutcome, SteerRequest } from './messages.js';

/** A round that somebody's request has overtaken. */
export const OVERTAKEN = Symbol('overtaken');

/**
 * Requests that put a loop into another state. One at a time is carried out, beside a running round, which is given up once
 * the store has the new state: a request that is refused disturbs nothing. The loop begins no round meanwhile, and goes on
 * from the new state.
 */
export class SteeringWheel {
  private steered: LoopState | null = null;
  private busy = false;
  private round: CancellationScope | null = null;

  /** Carries one request out: `steer` puts the store into the new state. */
  async turn(
    { id }: SteerRequest,
    current: () => LoopState,
    steer: (from: LoopState) => Promise<LoopState>,
  ): Promise<SteerOutcome> {
    await this.settled();
    const from = this.steered ?? current();
    if (from.steering?.id === id) return outcomeOf(from);
    this.busy = true;
    try {
      this.steered = await steer(from);
      this.round?.cancel();
      return outcomeOf(this.steered);
    } finally {
      this.busy = false;
    }
  }

  /** Resolves once no request is being carried out. */
  async settled(): Promise<void> {
    // Whoever waited longer may have taken the wheel first.
    while (this.busy) await condition(() => !this.busy);
  }

  /** Whether a request is being carried out, or has been and the loop has not taken its state yet. */
  get isTurning(): boolean {
    return this.busy || this.steered !== null;
  }

  /** The state to go on from, once: the loop's own unless a request has changed it. */
  take(own: LoopState): LoopState {
    const state = this.steered ?? own;
    this.steered = null;
    return state;
  }

  /** Runs a round; {@link OVERTAKEN} when a request came before its end. */
  async play<T>(run: () => Promise<T>): Promise<T | typeof OVERTAKEN> {
    const scope = new CancellationScope();
    this.round = scope;
    try {
      const outcome = await scope.run(run);
      await this.settled();
      return this.steered === null ? outcome : OVERTAKEN;
    } catch (error) {
      // A round that failed of itself is overtaken as well; the end of the whole loop is not.
      await this.settled();
      if (this.steered !== null && !CancellationScope.current().consideredCancelled) return OVERTAKEN;
      throw error;
    } finally {
      this.round = null;
    }
  }
}

const outcomeOf = ({ round, champion, steering }: LoopState): SteerOutcome => ({
  superseded: steering?.superseded ?? [],
  nextRound: round + 1,
  champion: champion?.id ?? null,
});

/** Refuses a request that makes no sense, or comes at a time at which it cannot be carried out. */
export function requireDestination(
  { id, actor, reason, destination }: SteerRequest,
  loop: { state: LoopState | null; ended: boolean },
): void {
  if ([id, actor, reason].some((text) => typeof text !== 'string') || id === '')
    throw refusal('E_USAGE', 'a request needs an id, an actor and a reason', 'Use the command line.');
  if (loop.ended) throw refusal('E_NOT_FOUND', 'The loop has ended.', 'Start it with `npx ratchet loop start`.');
  if (loop.state === null)
    throw refusal('E_USAGE', 'The loop measures its base model; there is no round yet.', 'Wait for its first round.');
  const { round: last } = loop.state;
  const isRound = destination.kind === 'reset' && Number.isInteger(destination.round);
  if (isRound && destination.round >= 0 && destination.round <= last) return;
  if (destination.kind === 'rollback' && typeof destination.model === 'string' && destination.model !== '') return;
  throw refusal('E_USAGE', 'There is nothing to go back to.', `Name a round from 0 to ${last}, or a model version.`);
}

function refusal(code: string, message: string, hint: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code, { hint });
}
