import { ApplicationFailure, CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type { RoundKey } from '../activities/interfaces.js';
import type { LoopConfig } from '../config/loop.js';
import { decidePromotionUpdate, type PromotionDecision, type RoundProgress } from './messages.js';
import { connectControl, type WorkflowSettings } from './proxies.js';

/** What a round made of its model. */
export interface Verdict {
  promote: boolean;
  reason: string;
}

/**
 * Lets a person decide on promotions. The handler is there from the round's start, so that an answer that comes too early
 * or twice is refused instead of kept.
 */
export class PromotionApproval {
  private decision: PromotionDecision | null = null;

  constructor(private readonly progress: RoundProgress) {
    setHandler(
      decidePromotionUpdate,
      (decision) => {
        this.decision = decision;
        return progress.approval!.model;
      },
      { validator: (decision) => this.require(decision) },
    );
  }

  /** Waits for an answer; without one in time the champion stays. What came of it is in the audit trail. */
  async ask(
    { loop, round }: RoundKey,
    config: LoopConfig,
    settings: WorkflowSettings,
    { model, reason }: { model: string; reason: string },
  ): Promise<Verdict> {
    const hours = config.tracking.approvalTimeoutHours;
    this.progress.approval = { model, reason };
    await condition(() => this.decision !== null, hours * 3_600_000);
    delete this.progress.approval;
    const late = { id: `round-${round}`, actor: 'loop', reason: `nobody answered within ${hours} h`, approve: false };
    const { approve, ...by } = this.decision ?? late;
    const action = this.decision === null ? 'approvalExpired' : approve ? 'approve' : 'deny';
    const { recordSteering } = connectControl(settings);
    await CancellationScope.nonCancellable(() =>
      recordSteering({ ...by, loop, action, subject: model, details: { round, verdict: reason } }),
    );
    const why = by.reason === '' ? '' : `: ${by.reason}`;
    const told =
      action === 'approvalExpired' ? `not approved${why}` : `${approve ? 'approved' : 'denied'} by ${by.actor}${why}`;
    return { promote: approve, reason: `${reason}; ${told}` };
  }

  private require({ id, actor, reason, approve }: PromotionDecision): void {
    if (this.progress.approval === undefined || this.decision !== null)
      throw ApplicationFailure.nonRetryable('No model waits for approval.', 'E_NOT_FOUND', {
        hint: '`npx ratchet loop status` shows one that does.',
      });
    if ([id, actor, reason].some((text) => typeof text !== 'string') || typeof approve !== 'boolean')
      throw ApplicationFailure.nonRetryable('an answer needs an id, an actor, a reason and yes or no', 'E_USAGE', {
        hint: 'Use the command line.',
      });
  }
}
