import type { ActivitySpan, WorkflowSpan } from './history.js';

/** What a moment of a run went into, the first that holds: a device worked, a processor, the store; a lost attempt or its back-off; nothing but orchestration. */
export const KINDS = ['gpu', 'cpu', 'store', 'retries', 'orchestration'] as const;
export type Kind = (typeof KINDS)[number];

/** Milliseconds by kind; their sum is the wall time. */
export type TimeShares = Record<Kind, number>;

/** Task queues by what works on them. */
export type Queues = Record<'store' | 'cpu' | 'gpu', string>;

/**
 * Divides a run's wall time. Work is the time between the start and the end of an activity's last attempt as the server
 * saw them; what came before a second or later attempt is lost to retries; what nothing covers is orchestration: the
 * server, the workflows, and the way to and from the workers.
 */
export function divideTime(
  run: WorkflowSpan,
  activities: readonly ActivitySpan[],
  queues: Queues,
  now: number,
): TimeShares {
  const end = run.endedAt ?? now;
  const covers = activities.flatMap((activity) => coverage(activity, queues, end));
  const inside = (at: number) => Math.min(end, Math.max(run.startedAt, at));
  const cuts = [...new Set([run.startedAt, end, ...covers.flatMap(({ from, to }) => [inside(from), inside(to)])])];
  cuts.sort((a, b) => a - b);
  const shares: TimeShares = { gpu: 0, cpu: 0, store: 0, retries: 0, orchestration: 0 };
  for (let index = 1; index < cuts.length; index++) {
    const [from, to] = [cuts[index - 1]!, cuts[index]!];
    const kinds = covers.filter((cover) => cover.from <= from && cover.to >= to).map(({ kind }) => kind);
    shares[KINDS.find((kind) => kinds.includes(kind)) ?? 'orchestration'] += to - from;
  }
  return shares;
}

/** The sum of several runs' shares. */
export function sumShares(all: readonly TimeShares[]): TimeShares {
  const sum = (kind: Kind) => all.reduce((total, shares) => total + shares[kind], 0);
  return Object.fromEntries(KINDS.map((kind) => [kind, sum(kind)])) as TimeShares;
}

function coverage(activity: ActivitySpan, queues: Queues, end: number): { kind: Kind; from: number; to: number }[] {
  const { scheduledAt, startedAt, endedAt, attempts, queue } = activity;
  const kind = queue === queues.gpu ? 'gpu' : queue === queues.store ? 'store' : 'cpu';
  const worked = startedAt === null ? [] : [{ kind, from: startedAt, to: endedAt ?? end } as const];
  const lost = attempts > 1 ? [{ kind: 'retries', from: scheduledAt, to: startedAt ?? endedAt ?? end } as const] : [];
  return [...worked, ...lost];
}
