import { LoopConfig } from '../../config/loop.js';
import { stream } from '../../config/random.js';
import type { runAdaptiveLoop } from '../../workflows/run-adaptive-loop.js';
import { MemoryStore } from './memory-store.js';
import { Simulation } from './simulation.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const START = Date.UTC(2026, 0, 1);
const MIN_FEEDBACK = 50;
const QUEUES = { store: 'store', cpu: 'cpu', gpu: 'gpu' };
/** Of the signals that say "look", some never arrive and some arrive twice. */
const LOST_SIGNALS = 0.05;
const DOUBLE_SIGNALS = 0.05;

export interface CrowdOptions {
  loops: number;
  /** Distinct events of all loops together; a tenth comes twice. */
  events: number;
  /** Devices that all loops share. */
  gpus: number;
  seed: number;
  runAdaptiveLoop: typeof runAdaptiveLoop;
}

/** Many loops on shared workers for a day in which their feedback arrives, late and doubled, and a day to finish. */
export async function simulateCrowd(options: CrowdOptions): Promise<Record<string, number>> {
  const { loops, events, gpus, seed } = options;
  const simulation = new Simulation(START, seed, { share: 0.005, milliseconds: 30_000 });
  const store = new MemoryStore(() => simulation.now, MIN_FEEDBACK);
  const work = store.perform.bind(store);
  simulation.addQueue('store', { slots: 1, milliseconds: () => 10, work });
  simulation.addQueue('cpu', { slots: 4, milliseconds: () => 200, work });
  simulation.addQueue('gpu', { slots: gpus, work, milliseconds: (name) => (name === 'trainModel' ? 60_000 : 10_000) });

  const draw = stream(seed, 'simulation', 'arrivals');
  const perLoop = Math.ceil(events / loops);
  let sent = 0;
  for (let number = 0; number < loops; number += 1) {
    const name = `loop-${number}`;
    store.add(name);
    const config = LoopConfig.parse({ name, seed, minFeedback: MIN_FEEDBACK, components: { tuning: false } });
    simulation.after(draw.integer(MINUTE), () => {
      const args = [{ config, settings: { queues: QUEUES, heartbeatTimeoutSeconds: 30 } }];
      void simulation.start(options.runAdaptiveLoop, `loop/${name}`, args);
    });
    const arrivals = new Map<number, string[]>();
    const arrive = (minute: number, id: string) => {
      sent += 1;
      arrivals.set(minute, [...(arrivals.get(minute) ?? []), id]);
    };
    for (let index = 0; index < perLoop; index += 1) {
      // Made at one minute of the day, delivered up to an hour later: in another order than they were made in.
      const made = draw.integer(DAY / MINUTE);
      arrive(made + draw.integer(60), `${name}/${index}`);
      if (index % 10 === 0) arrive(made + draw.integer(180), `${name}/${index}`);
    }
    for (const [minute, ids] of arrivals)
      simulation.after(minute * MINUTE + draw.integer(MINUTE), () => {
        store.ingest(name, ids);
        const luck = draw.float();
        const times = luck < LOST_SIGNALS ? 0 : luck > 1 - DOUBLE_SIGNALS ? 2 : 1;
        for (let time = 0; time < times; time += 1) simulation.signal(`loop/${name}`, 'feedbackArrived', [0]);
      });
  }
  await simulation.run(START + 2 * DAY + 3 * 60 * MINUTE);

  const records = [...store.loops.values()];
  const waits = records.flatMap((record) => record.waits).sort((a, b) => a - b);
  const seconds = (milliseconds: number) => Math.round(milliseconds / 1000);
  const { counts } = simulation;
  return {
    loops,
    sent,
    distinct: perLoop * loops,
    stored: records.reduce((sum, { events: ids }) => sum + ids.size, 0),
    wronglyTaken: records.filter((record) => !isPartition(record.rounds)).length,
    leftOver: records.filter(({ events: ids, rounds }) => ids.size - (rounds.at(-1)?.to ?? 0) >= MIN_FEEDBACK).length,
    rounds: records.reduce((sum, { rounds }) => sum + rounds.length, 0),
    medianWaitSeconds: seconds(waits[waits.length >> 1] ?? 0),
    p99WaitSeconds: seconds(waits[Math.floor(waits.length * 0.99)] ?? 0),
    longestWaitSeconds: seconds(waits.at(-1) ?? 0),
    activities: counts.activities,
    lostAttempts: counts.lost,
    continuedAsNew: counts.continued,
    longestHistory: Math.max(...simulation.longest.values()),
    largestCarriedBytes: simulation.largestCarried,
    simulatedEvents: simulation.events,
  };
}

/** Whether each event belongs to exactly one round, and rounds are numbered without gaps. */
function isPartition(rounds: readonly { round: number; from: number; to: number }[]): boolean {
  return rounds.every(({ round, from, to }, index) => {
    const before = rounds[index - 1]?.to ?? 0;
    return round === index + 1 && from === before && to > from;
  });
}
