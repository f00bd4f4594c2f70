import { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import { readTimeline } from '../../../workers/trace/read-timeline.js';
import { outputOf, resolveConfig, withCommonOptions, type CommonOptions } from '../command-context.js';
import { withStore } from '../loop-client.js';
import { traceLines, type Trace } from '../render/trace.js';

/** What `ratchet trace` is asked for. */
interface TracedRun {
  loop: string;
  round?: number;
  /** Only the round's training. */
  training: boolean;
}

const NOT_RUNNING =
  'nothing runs on this data folder: stages, attempts, workers, waits and where the time went are in the histories of Temporal; `npx ratchet up` starts it';

/** `ratchet trace`: the story of a loop, a round or a training. */
export function traceCommand(): Command {
  const command = new Command('trace')
    .argument('<run>', 'loop, round or training, such as demo, demo/round-2 or demo/round-2/train')
    .action(async (run: string, options: CommonOptions) => {
      process.exitCode = await showTrace(run, options);
    });
  return withCommonOptions(command, [
    'trace demo                  all rounds of a loop',
    'trace demo/round-2          the stages of one round',
    'trace demo/round-2/train    its training',
    'trace demo --json',
  ]);
}

async function showTrace(run: string, options: CommonOptions): Promise<number> {
  const output = outputOf(options);
  const asked = parseRun(run);
  const trace = await readTrace(asked, options);
  if (trace.records.rounds.length === 0) {
    throw new RatchetError('E_NOT_FOUND', `The store knows no run "${run}".`, {
      hint: 'Name a loop such as demo, or one of its rounds such as demo/round-1; --data names the data folder.',
    });
  }
  output.object({ event: 'trace', run, ...trace.records, timelines: trace.timelines, missing: trace.missing });
  for (const line of traceLines(trace, output.style)) output.line(line);
  return 0;
}

/** @throws RatchetError `E_USAGE` for what names no run */
export function parseRun(text: string): TracedRun {
  const [, loop, round, part] =
    /^(?:loop\/)?([a-z0-9][a-z0-9-]*)(?:\/round-(\d+)(?:\/(train|trial-\d+))?)?$/.exec(text) ?? [];
  if (loop === undefined)
    throw new RatchetError('E_USAGE', `"${text}" names no run.`, {
      hint: 'Name a loop, a round or a training: demo, demo/round-2 or demo/round-2/train.',
    });
  return { loop, ...(round !== undefined && { round: Number(round) }), training: part !== undefined };
}

async function readTrace(asked: TracedRun, options: CommonOptions): Promise<Trace> {
  const { config, dataFolder } = await resolveConfig(options);
  const { loop, round } = asked;
  const now = Date.now();
  return await withStore(config, dataFolder, async (store, client) => {
    const records = await store.trace(loop, round);
    if (client === null) return { ...asked, records, timelines: [], now, missing: [NOT_RUNNING] };
    const rounds = records.rounds.map((record) => record.round);
    const read = await Promise.all(rounds.map((each) => readTimeline(client, config.taskQueues, loop, each, now)));
    return {
      ...asked,
      records,
      timelines: read.filter((timeline) => timeline !== null),
      now,
      missing: rounds
        .filter((_, place) => read[place] === null)
        .map((each) => `Temporal keeps no history of round ${each} any more`),
    };
  });
}
