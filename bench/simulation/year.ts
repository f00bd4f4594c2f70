import { createScheduleActivities, isQuiet, type RoundConditions } from '../../activities/schedule.js';
import { LoopConfig } from '../../config/loop.js';
import { stream } from '../../config/random.js';
import { Schedule } from '../../config/schedule.js';
import type { Store } from '../../store/store.js';
import type { checkFeedback } from '../../workflows/check-feedback.js';
import type { runAdaptiveLoop } from '../../workflows/run-adaptive-loop.js';
import { MemoryStore } from './memory-store.js';
import { Simulation } from './simulation.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
/** The loops wait for the schedule, not for this many events. */
const NEVER = 1_000_000;
const EVENTS_A_DAY = 24;
const QUEUES = { store: 'store', cpu: 'cpu', gpu: 'gpu' };

const SCHEDULES = [
  { name: 'hourly', everySeconds: 3600, minFeedback: 1 },
  { name: 'quiet', everySeconds: 3600, minFeedback: 1, quietHours: '22:00-07:00', timeZone: 'Europe/Berlin' },
  { name: 'rare', everySeconds: 900, minFeedback: 1, maxRoundsPerDay: 3 },
  { name: 'patient', everySeconds: 6 * 3600, minFeedback: 100 },
  // Rounds take longer than its interval: checks fall into them.
  { name: 'hasty', everySeconds: 180, minFeedback: 1 },
  { name: 'daily', everySeconds: 24 * 3600, minFeedback: 5, quietHours: '01:30-05:00', timeZone: 'America/New_York' },
];

export interface YearOptions {
  days: number;
  seed: number;
  runAdaptiveLoop: typeof runAdaptiveLoop;
  checkFeedback: typeof checkFeedback;
}

/** One loop for each kind of schedule, for a year, through both changes of the clock. */
export async function simulateYear(options: YearOptions): Promise<Record<string, number>> {
  const { days, seed } = options;
  const simulation = new Simulation(START, seed, { share: 0.001, milliseconds: 30_000 });
  const store = new MemoryStore(() => simulation.now, NEVER);
  const perform = (activity: string, input: unknown) =>
    activity === 'findObstacle' ? findObstacle(input as RoundConditions) : store.perform(activity, input);
  const work = perform;
  simulation.addQueue('store', { slots: 1, milliseconds: () => 10, work });
  simulation.addQueue('cpu', { slots: 2, milliseconds: () => 200, work });
  simulation.addQueue('gpu', { slots: 6, work, milliseconds: (name) => (name === 'trainModel' ? 200_000 : 10_000) });

  const rounds = (loop: string) => [{ ...store.ofTheDay(loop), minutes: 0 }];
  function findObstacle(conditions: RoundConditions): Promise<string | null> {
    const database = { query: async () => rounds(conditions.loop) } as unknown as Store;
    const activities = createScheduleActivities({ store: database, now: () => new Date(simulation.now) });
    return activities.findObstacle(conditions);
  }

  const draw = stream(seed, 'simulation', 'year');
  const tally = { due: 0, skipped: 0 };
  const outcomes = new Map<string, number>();
  const schedules = SCHEDULES.map((given) => Schedule.parse({ ...given, loop: given.name }));
  for (const schedule of schedules) {
    const { loop } = schedule;
    store.add(loop);
    const config = LoopConfig.parse({ name: loop, seed, minFeedback: NEVER, components: { tuning: false } });
    const args = [{ config, settings: { queues: QUEUES, heartbeatTimeoutSeconds: 30 } }];
    simulation.after(0, () => void simulation.start(options.runAdaptiveLoop, `loop/${loop}`, args));
    let event = 0;
    const arrive = () => {
      store.ingest(loop, [`${loop}/${event++}`]);
      simulation.signal(`loop/${loop}`, 'feedbackArrived', [0]);
      simulation.after(-Math.log(1 - draw.float()) * (DAY / EVENTS_A_DAY), arrive);
    };
    simulation.after(0, arrive);
    simulation.after(schedule.everySeconds! * 1000, () => check(schedule));
  }
  /** What Temporal does with the overlap policy `skip`. */
  function check(schedule: Schedule): void {
    const { name, loop, minFeedback, everySeconds, quietHours, maxRoundsPerDay, timeZone } = schedule;
    simulation.after(everySeconds! * 1000, () => check(schedule));
    tally.due += 1;
    const id = `schedule/${name}/check`;
    if (simulation.open.has(id)) {
      tally.skipped += 1;
      return;
    }
    const conditions = {
      ...(quietHours !== undefined && { quietHours }),
      ...(maxRoundsPerDay !== undefined && { maxRoundsPerDay }),
    };
    const hasConditions = Object.keys(conditions).length > 0;
    const asked = hasConditions ? { conditions: { ...conditions, loop, timeZone, queue: 'store' } } : {};
    void count(simulation.start(options.checkFeedback, id, [{ loop, minFeedback, ...asked }]));
  }
  async function count(outcomeOf: Promise<unknown>): Promise<void> {
    const outcome = String(await outcomeOf).replaceAll(/\d+/g, 'n');
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  await simulation.run(START + days * DAY);

  const started = (loop: string) => store.loops.get(loop)!.rounds.map((round) => round.started);
  const inQuietHours = schedules.flatMap(({ loop, quietHours, timeZone }) =>
    quietHours === undefined ? [] : started(loop).filter((moment) => isQuiet(quietHours, timeZone, new Date(moment))),
  );
  const tooMany = schedules.flatMap(({ loop, maxRoundsPerDay = Infinity }) =>
    started(loop).filter((moment, index, all) => (all[index - maxRoundsPerDay] ?? -Infinity) > moment - DAY),
  );
  return {
    schedules: schedules.length,
    days,
    checksDue: tally.due,
    checksSkipped: tally.skipped,
    roundsBegun: schedules.reduce((sum, { loop }) => sum + started(loop).length, 0),
    tooFew: outcomes.get('n new events are too few') ?? 0,
    inQuietHours: inQuietHours.length,
    tooManyADay: tooMany.length,
    activities: simulation.counts.activities,
    lostAttempts: simulation.counts.lost,
    continuedAsNew: simulation.counts.continued,
    longestHistory: Math.max(...simulation.longest.values()),
    simulatedEvents: simulation.events,
  };
}
