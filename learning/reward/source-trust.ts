/** What one source (a user, an annotator, a program) said about one answer. */
export interface Opinion {
  source: string;
  /** The answer, the same for all who judged it. */
  item: string;
  /** −1 … 1, such as a {@link import('./feedback-reward.js').signalReward}. */
  value: number;
}

export interface SourceTrust {
  /** 0 … 1; one half for a source that nobody can be compared with. */
  trust: number;
  /** Opinions on items that others judged too. */
  compared: number;
  /** Believed less than half as much as an unknown source, on enough opinions: look at it before using it. */
  suspect: boolean;
}

/** What is believed of an event that names its source. */
export interface JudgedEvent {
  /** What the sources together say of the answer, −1 … 1; null where this event says nothing of its own. */
  value: number | null;
  /** 0–1. */
  trust: number;
  /** Why the event is not believed. */
  distrusted?: string;
}

export interface TrustReport {
  sources: Map<string, SourceTrust>;
  /** Of each item: the mean of its opinions weighted by trust, −1 … 1; the plain mean where all trust is 0. */
  consensus: Map<string, number>;
  /** Opinions more than 1 away from what at least two others, weighted by trust, say. */
  outliers: Opinion[];
  /** Items on which at least a third of the trust says good and at least a third says bad. */
  contested: string[];
}

/** An unknown source counts as one that has agreed to three quarters, on so many items. */
const PRIOR = { items: 4, agreement: 0.75 };
const SUSPECT = { trust: 0.25, compared: 5 };
const OUTLIER_DISTANCE = 1;
const CONTESTED_SHARE = 1 / 3;
/** Trust in a source that nobody can be compared with; from it on, what a source says counts fully. */
export const UNKNOWN_TRUST = 2 * PRIOR.agreement - 1;
const ITERATIONS = 50;
const TOLERANCE = 1e-9;

/**
 * How far each source can be believed, from how it agrees with the others: truth and trust found in turn (truth
 * discovery; Li et al., "Resolving Conflicts in Heterogeneous Data by Truth Discovery and Source Reliability
 * Estimation", SIGMOD 2014, without its logarithmic weights).
 *
 * Agreement of an opinion is `1 − |value − others| / 2`, `others` the trust-weighted mean of the other opinions on the
 * item; a source's agreement is their mean together with 4 prior items of 0.75; `trust = max(0, 2·agreement − 1)`. A
 * source that answers at random comes to about 0, one that says the opposite to 0: turning its word around would let
 * an attacker choose his weight. Several opinions of a source on one item count as one, their mean. Does not depend on
 * the order of the opinions. Time: iterations (at most 50) × opinions.
 */
export function estimateTrust(opinions: readonly Opinion[]): TrustReport {
  const merged = mergeRepeated(opinions);
  const names = [...new Set(merged.map(({ source }) => source))];
  const trust = new Map(names.map((source) => [source, UNKNOWN_TRUST]));
  const compared = new Map<string, number>();

  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const sums = weighItems(merged, trust);
    const agreement = new Map<string, { sum: number; items: number }>();
    for (const opinion of merged) {
      const others = withoutOpinion(sums.get(opinion.item)!, opinion, trust.get(opinion.source)!);
      if (others === null) continue;
      const entry = agreement.get(opinion.source) ?? { sum: 0, items: 0 };
      entry.sum += 1 - Math.abs(opinion.value - others) / 2;
      entry.items++;
      agreement.set(opinion.source, entry);
    }
    let moved = 0;
    for (const source of names) {
      const { sum, items } = agreement.get(source) ?? { sum: 0, items: 0 };
      const mean = (PRIOR.items * PRIOR.agreement + sum) / (PRIOR.items + items);
      const next = Math.max(0, 2 * mean - 1);
      moved = Math.max(moved, Math.abs(next - trust.get(source)!));
      trust.set(source, next);
      compared.set(source, items);
    }
    if (moved < TOLERANCE) break;
  }

  const sums = weighItems(merged, trust);
  const sources = names.map((source): [string, SourceTrust] => {
    const [believed, items] = [trust.get(source)!, compared.get(source)!];
    const suspect = believed < SUSPECT.trust && items >= SUSPECT.compared;
    return [source, { trust: believed, compared: items, suspect }];
  });
  return {
    sources: new Map(sources),
    consensus: new Map(
      [...sums].map(([item, { weight, weighted, sum, count }]) => [item, weight > 0 ? weighted / weight : sum / count]),
    ),
    outliers: merged.filter((opinion) => {
      const item = sums.get(opinion.item)!;
      const others = withoutOpinion(item, opinion, trust.get(opinion.source)!);
      return item.count > 2 && others !== null && Math.abs(opinion.value - others) > OUTLIER_DISTANCE;
    }),
    contested: [...sums]
      .filter(([, { weight, good, bad }]) => weight > 0 && Math.min(good, bad) / weight >= CONTESTED_SHARE)
      .map(([item]) => item),
  };
}

interface ItemSums {
  weight: number;
  weighted: number;
  /** Weight of those who say good, and of those who say bad. */
  good: number;
  bad: number;
  sum: number;
  count: number;
}

function weighItems(opinions: readonly Opinion[], trust: ReadonlyMap<string, number>): Map<string, ItemSums> {
  const items = new Map<string, ItemSums>();
  for (const { source, item, value } of opinions) {
    const weight = trust.get(source)!;
    const sums = items.get(item) ?? { weight: 0, weighted: 0, good: 0, bad: 0, sum: 0, count: 0 };
    sums.weight += weight;
    sums.weighted += weight * value;
    sums.good += value > 0 ? weight : 0;
    sums.bad += value < 0 ? weight : 0;
    sums.sum += value;
    sums.count++;
    items.set(item, sums);
  }
  return items;
}

/** What the others say of an item; null when nobody else who is trusted said anything. */
function withoutOpinion(sums: ItemSums, { value }: Opinion, trust: number): number | null {
  if (sums.count < 2) return null;
  const weight = sums.weight - trust;
  // What subtraction leaves of nothing.
  if (weight < 1e-12) return null;
  return Math.min(1, Math.max(-1, (sums.weighted - trust * value) / weight));
}

/** One opinion a source and item, sorted by both, so that the sums do not depend on the order. */
function mergeRepeated(opinions: readonly Opinion[]): Opinion[] {
  const groups = new Map<string, number[]>();
  for (const { source, item, value } of opinions) {
    const key = JSON.stringify([source, item]);
    const values = groups.get(key);
    if (values === undefined) groups.set(key, [value]);
    else values.push(value);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, values]) => {
      const [source, item] = JSON.parse(key) as [string, string];
      const sum = values.sort((a, b) => a - b).reduce((total, value) => total + value, 0);
      return { source, item, value: sum / values.length };
    });
}
