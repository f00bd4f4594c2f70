import type { MetricMeter } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { StoreActivities } from '../activities/interfaces.js';

type Input<Name extends keyof StoreActivities> = Parameters<StoreActivities[Name]>[0];
type Result<Name extends keyof StoreActivities> = Awaited<ReturnType<StoreActivities[Name]>>;

/** What the activities of the store say of a loop. A repeated activity counts again: these are measures, the tables are the truth. */
const MEASURES = {
  ingestFeedback(meter: MetricMeter, { key, ref }: Input<'ingestFeedback'>, result: Result<'ingestFeedback'>) {
    const events = meter.createCounter('ratchet_feedback_events', undefined, 'Feedback events by what became of them.');
    const { accepted, duplicates } = result;
    const outcomes = { accepted, duplicate: duplicates, conflict: ref.rows - accepted - duplicates };
    for (const [outcome, n] of Object.entries(outcomes)) events.add(n, { loop: key.loop, outcome });
  },
  countPending(meter: MetricMeter, { loop }: Input<'countPending'>, pending: Result<'countPending'>) {
    const lag = meter.createGauge('ratchet_feedback_pending', 'int', undefined, 'Events that no round has taken yet.');
    lag.set(pending, { loop });
  },
  recordStage(meter: MetricMeter, { key, table, ref }: Input<'recordStage'>) {
    if (table !== 'rejected') return;
    const rejected = meter.createCounter(
      'ratchet_rejected_rows',
      undefined,
      'Rows that were refused; the ledger has them.',
    );
    rejected.add(ref.rows, { loop: key.loop });
  },
  finishRound(meter: MetricMeter, { key, result }: Input<'finishRound'>) {
    const rounds = meter.createCounter('ratchet_rounds', undefined, 'Finished rounds by what came of them.');
    const outcome = !result.trained ? 'not_trained' : result.promoted ? 'promoted' : 'kept_former';
    rounds.add(1, { loop: key.loop, outcome });
    meter
      .createGauge('ratchet_score', 'float', undefined, 'Test score of the last round, 0 to 100.')
      .set(result.after.score, { loop: key.loop });
  },
};

/** Reports what activities did through the meter of their worker; an activity itself knows nothing of it. */
export const measureActivities: ActivityInterceptorsFactory = ({ info, metricMeter }) => ({
  inbound: {
    async execute(input, next) {
      const result = await next(input);
      const measure = (MEASURES as Record<string, (meter: MetricMeter, input: unknown, result: unknown) => void>)[
        info.activityType
      ];
      measure?.(metricMeter, input.args[0], result);
      return result;
    },
  },
});
