import { median, theilSenSlope } from '../../learning/statistics/descriptive.js';

/** One look at a process, between two loops. */
export interface Sample {
  minutes: number;
  name: string;
  pid: number;
  /** Resident memory, bytes. */
  rss: number;
  openFiles: number;
}

/** What came of one loop. */
export interface LoopSample {
  minutes: number;
  seconds: number;
  /** Events of the longest history among the loop's workflows. */
  historyLength: number;
}

/** How one quantity moved over the soak after its warm-up. */
export interface Drift {
  name: string;
  samples: number;
  median: number;
  /** Theil–Sen slope times the measured span, in the unit of the quantity. */
  change: number;
  /** The same as a share of the median. */
  share: number;
}

export interface SoakReport {
  minutes: number;
  loops: number;
  warmUpMinutes: number;
  rss: Drift[];
  openFiles: Drift[];
  history: Drift;
  /** What was found wrong; empty for a soak that passed. */
  faults: string[];
}

/** Caches and compiled graphs fill up first: this share of the soak is not judged. */
const WARM_UP = 0.5;
const MAXIMUM_RSS_DRIFT = 0.02;

/**
 * Judges a soak: the resident memory of no process may drift by 2 % over what is judged, and neither open files nor
 * histories may grow by one.
 */
export function judgeSoak(processes: readonly Sample[], loops: readonly LoopSample[]): SoakReport {
  const minutes = Math.max(0, ...loops.map((loop) => loop.minutes));
  const warmUpMinutes = minutes * WARM_UP;
  const judged = processes.filter((sample) => sample.minutes >= warmUpMinutes);
  const names = [...new Set(judged.map(({ name }) => name))];
  const each = (quantity: 'rss' | 'openFiles') =>
    names.map((name) => {
      const own = judged.filter((sample) => sample.name === name);
      return drift(
        name,
        own.map(({ minutes: at, [quantity]: value }) => [at, value]),
      );
    });
  const [rss, openFiles] = [each('rss'), each('openFiles')];
  const judgedLoops = loops.filter((loop) => loop.minutes >= warmUpMinutes);
  const history = drift(
    'history',
    judgedLoops.map((loop) => [loop.minutes, loop.historyLength]),
  );
  const restarted = names.filter(
    (name) => new Set(judged.filter((s) => s.name === name).map(({ pid }) => pid)).size > 1,
  );
  const faults = [
    ...rss
      .filter(({ share }) => !(share < MAXIMUM_RSS_DRIFT))
      .map(({ name, share }) => `the memory of ${name} drifts by ${(100 * share).toFixed(1)} %`),
    ...openFiles
      .filter(({ change }) => !(change < 1))
      .map(({ name, change }) => `${name} opens ${change.toFixed(1)} more files`),
    ...(history.change < 1 ? [] : [`histories grow by ${history.change.toFixed(1)} events`]),
    ...restarted.map((name) => `${name} was started again`),
  ];
  return { minutes, loops: loops.length, warmUpMinutes, rss, openFiles, history, faults };
}

function drift(name: string, points: [number, number][]): Drift {
  const [at, values] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const change = theilSenSlope(at, values) * (Math.max(...at) - Math.min(...at));
  return { name, samples: points.length, median: median(values), change, share: change / median(values) };
}
