import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Destination, Steering } from '../activities/control.js';
import type { LoopState } from '../activities/loop-state.js';
import type { Stage } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';

/** What a loop is doing right now. `failed` waits for a resume signal, which tries the round again. */
export type LoopPhase = 'baseline' | 'waiting' | 'running' | 'paused' | 'failed' | 'finished';

export interface LoopStatus {
  name: string;
  phase: LoopPhase;
  /** Round that is running, or the next one. */
  round: number;
  /** Rounds after which the loop ends; 0: it runs until stopped. */
  rounds: number;
  stopping: boolean;
  /** New feedback events seen at the last look, and how many start a round. */
  pending: number;
  minFeedback: number;
  /** Why the last attempt at a round failed; null when it did not. */
  error: LoopError | null;
  /** What the next round runs with. */
  components: LoopConfig['components'];
  /** Null until the baseline is measured. */
  state: LoopState | null;
}

export interface LoopError {
  /** Code of the fault, such as `E_DISK_FULL`. */
  code: string;
  message: string;
  hint: string | null;
}

/** New feedback is in the store. The cursor is a hint: the store is the truth, lost or double signals are harmless. */
export const feedbackArrivedSignal = defineSignal<[cursor: number]>('feedbackArrived');
/** No new round begins until {@link resumeSignal}; a running one is finished. */
export const pauseSignal = defineSignal<[by?: Steering]>('pause');
/** Ends a pause, and tries a failed round again. */
export const resumeSignal = defineSignal<[by?: Steering]>('resume');
/** Replaces the configuration (all but the name) from the next round on. The sender has checked it. */
export const configureSignal = defineSignal<[config: LoopConfig]>('configure');
/**
 * Ends the loop after the running round. Cancel the workflow to end it at once (training saves a checkpoint), after this
 * signal with `now`, which notes it.
 */
export const stopSignal = defineSignal<[by?: Steering & { now?: boolean }]>('stop');
/** A scheduled check: a round begins if there are at least `minFeedback` new events; `replyTo` is told what came of it. */
export interface RoundDue {
  minFeedback: number;
  replyTo: string;
}
export const roundDueSignal = defineSignal<[due: RoundDue]>('roundDue');
/** The loop's answer to {@link roundDueSignal}. */
export const checkedSignal = defineSignal<[outcome: string]>('checked');

/** Starts a round without waiting for enough feedback; returns the number of the round it asks for. */
export const startRoundUpdate = defineUpdate<number>('startRound');
/** A switch of components by somebody, for a reason; both go into the audit trail. */
export interface ComponentsRequest {
  components: Partial<LoopConfig['components']>;
  actor: string;
  reason: string;
}
/** What somebody asks to have a loop put back to. */
export interface SteerRequest extends Steering {
  destination: Destination;
}
export interface SteerOutcome {
  /** Rounds that do not count any more; a running one is given up. */
  superseded: number[];
  /** Number of the next round. */
  nextRound: number;
  /** Id of the model in use; null for the base model. */
  champion: string | null;
}
/** Puts the loop back to the state after a round, or on with another model as champion; what was left behind is kept. */
export const steerUpdate = defineUpdate<SteerOutcome, [request: SteerRequest]>('steer');
/** Switches components on or off from the next round on; returns that round. */
export const setComponentsUpdate = defineUpdate<number, [request: ComponentsRequest]>('setComponents');
export const statusQuery = defineQuery<LoopStatus>('status');

export interface RoundProgress {
  round: number;
  stage: Stage;
  /** Feedback events and labels of this round, as far as known. */
  feedbackEvents: number;
  labels: number;
  /** The model that waits for somebody's approval, and what speaks for it; absent while none does. */
  approval?: { model: string; reason: string };
}

/** Somebody's answer to a round that asks for approval. */
export interface PromotionDecision extends Steering {
  approve: boolean;
}
/** Update of a round workflow whose model waits for approval; refused when none does. Returns the model. */
export const decidePromotionUpdate = defineUpdate<string, [decision: PromotionDecision]>('decidePromotion');

/** Query of a round workflow (`loop/<name>/round-<n>`). */
export const progressQuery = defineQuery<RoundProgress>('progress');
