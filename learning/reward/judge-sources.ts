import type { FeedbackEvent, RewardRow, SourceRow } from '../../config/domain.js';
import { canonicalJson } from '../../config/hash.js';
import { signalOf, signalReward } from './feedback-reward.js';
import { opinionOf } from './score-rewards.js';
import { estimateTrust, UNKNOWN_TRUST, type JudgedEvent, type Opinion } from './source-trust.js';

export interface JudgedSources {
  /** By event id. */
  events: Map<string, JudgedEvent>;
  /** By name. */
  sources: SourceRow[];
}

/**
 * Judges the sources that events name by how they agree on answers that several of them saw. An event of a suspect source
 * is not believed, and neither is one that says the opposite of what at least two others say of the same answer. Events
 * without a source are not looked at. Does not depend on the order of the events.
 * @param similarity of output and correction, 0–1
 */
export function judgeSources(
  events: readonly FeedbackEvent[],
  similarity: (output: string, correction: string) => number,
): JudgedSources {
  const sourced = events.filter((event) => event.source !== undefined);
  const ownValue = new Map(sourced.map((event) => [event.id, valueOf(event, similarity)]));
  const opinions = sourced.flatMap((event): Opinion[] => {
    const value = ownValue.get(event.id)!;
    return value === null ? [] : [{ source: event.source!, item: answerKey(event), value }];
  });
  const report = estimateTrust(opinions);
  const outliers = new Set(report.outliers.map(({ source, item }) => canonicalJson([source, item])));
  const judged = sourced.map((event): [string, JudgedEvent] => {
    const source = event.source!;
    const item = answerKey(event);
    const known = report.sources.get(source);
    const value = ownValue.get(event.id) === null ? null : report.consensus.get(item)!;
    const trust = known?.trust ?? UNKNOWN_TRUST;
    if (known?.suspect) {
      const reason = `the source ${source} is not believed: it disagrees with the others on ${known.compared} answers`;
      return [event.id, { value, trust, distrusted: reason }];
    }
    if (value !== null && outliers.has(canonicalJson([source, item])))
      return [event.id, { value, trust, distrusted: `the source ${source} says the opposite of the others here` }];
    return [event.id, { value, trust }];
  });
  return {
    events: new Map(judged),
    sources: [...report.sources]
      .map(([source, { trust, compared, suspect }]) => ({ source, trust, compared, suspect }))
      .sort((a, b) => (a.source < b.source ? -1 : 1)),
  };
}

/** Whether an event is believed, by the rewards of its round. */
export function believed(rewards: readonly RewardRow[]): (event: FeedbackEvent) => boolean {
  const distrusted = new Set(rewards.filter((row) => row.distrusted !== undefined).map((row) => row.eventId));
  return (event) => !distrusted.has(event.id);
}

function valueOf(event: FeedbackEvent, similarity: (output: string, correction: string) => number): number | null {
  const opinion = opinionOf(event, similarity);
  if (opinion !== undefined) return 2 * opinion - 1;
  const signal = signalOf(event);
  return signal === null ? null : signalReward(signal);
}

const answerKey = ({ artifact_type, input_data, ai_output }: FeedbackEvent): string =>
  canonicalJson([artifact_type, input_data, ai_output]);
