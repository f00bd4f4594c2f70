import { ScheduleAlreadyRunning, ScheduleNotFoundError, type Client, type ScheduleHandle } from '@temporalio/client';
import { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import type { RatchetConfig } from '../../../config/schema.js';
import { createSchedule, listSchedules, OVERLAP_POLICIES, scheduleId } from '../../../workers/schedules.js';
import { actorName } from '../actor.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { withRunning } from '../loop-client.js';
import type { Output } from '../output.js';
import { scheduleLines, scheduleObject } from '../render/schedules.js';
import { parseMoment, parseOverlap, scheduleRequest, type ScheduleFlags } from '../schedule-request.js';

interface Surroundings {
  config: RatchetConfig;
  output: Output;
}

type Work = (client: Client) => Promise<void>;

/** `ratchet schedule create|list|pause|resume|trigger|backfill|delete`: timed checks for new feedback. */
export function scheduleCommand(): Command {
  const schedule = new Command('schedule');
  addCreate(schedule);
  withCommonOptions(
    schedule
      .command('list')
      .description('List the schedules: when they run, what they need, what they did')
      .action((options: CommonOptions) => act(options, list)),
    ['schedule list', 'schedule list --json'],
  );
  steer(schedule, 'pause', 'Let a schedule rest; its checks are dropped', async (handle, note) => handle.pause(note));
  steer(schedule, 'resume', 'Let a paused schedule go on', async (handle, note) => handle.unpause(note));
  steer(schedule, 'trigger', 'Check now, whatever the time', async (handle) => handle.trigger());
  addBackfill(schedule);
  steer(schedule, 'delete', 'Delete a schedule; what it has started goes on', async (handle) => handle.delete());
  return schedule;
}

function addCreate(schedule: Command): void {
  withCommonOptions(
    schedule
      .command('create')
      .description('Create a schedule; it lasts over restarts until it is deleted')
      .argument('<name>', 'name of the schedule')
      .option('--every <time>', 'interval, such as 30s, 15m, 6h or 1d')
      .option('--cron <expression>', 'cron expression, instead of --every')
      .option('--time-zone <zone>', 'of --cron and --quiet-hours, such as Europe/Berlin (default: UTC)')
      .option('--jitter <time>', 'random delay of each check, up to this')
      .option('--overlap <policy>', 'when a check falls due while one runs: skip, buffer-one, … (default: skip)')
      .option('--catch-up <time>', 'make up for checks missed by at most this (default: 1h)')
      .option('--min-feedback <number>', 'new events that start a round (default: 1)', wholeNumber('--min-feedback', 1))
      .option('--quiet-hours <span>', 'start no round in these hours, such as 22:00-07:00')
      .option(
        '--max-rounds-per-day <number>',
        'start no round after this many in 24 hours',
        wholeNumber('--max-rounds-per-day', 1),
      )
      .option('--max-gpu-minutes-per-day <minutes>', 'start no round after this many minutes of rounds in 24 hours')
      .option('--min-score-drop <points>', 'start a round only when the mean score of new events fell by this …')
      .option('--min-drift <index>', '… or when artifact types or scores shifted by this (0.2 is large)')
      .option('--paused', 'create it paused')
      .option('--loop <name>', 'loop that is checked (default: loop.name of the configuration, main)')
      .action((name: string, options: CommonOptions & ScheduleFlags) =>
        act(
          options,
          ({ config, output }) => {
            const request = scheduleRequest(name, options.loop ?? config.loop.name, options);
            return async (client) => {
              await createSchedule(client, request, config.taskQueues).catch(refuseSpecification);
              output.object({ event: 'created', ...request });
              output.line(`The schedule ${name} checks the loop ${request.loop}; it stays until it is deleted.`);
            };
          },
          name,
        ),
      ),
    [
      'schedule create nightly --cron "0 3 * * *" --time-zone Europe/Berlin --min-feedback 50',
      'schedule create often --every 15m --jitter 1m --quiet-hours 22:00-07:00 --max-rounds-per-day 4',
      'schedule create on-decay --every 1h --min-score-drop 5 --min-drift 0.2 --max-gpu-minutes-per-day 90',
      'schedule create support-hourly --every 1h --loop support --overlap buffer-one --json',
    ],
  );
}

function addBackfill(schedule: Command): void {
  withCommonOptions(
    schedule
      .command('backfill')
      .description('Run the checks of a past span of time, as if it were now')
      .argument('<name>', 'name of the schedule')
      .requiredOption('--from <time>', 'begin, ISO 8601')
      .requiredOption('--to <time>', 'end, ISO 8601')
      .option('--overlap <policy>', 'as for create', 'buffer-all')
      .action((name: string, options: CommonOptions & { from: string; to: string; overlap: string }) =>
        act(
          options,
          ({ output }) => {
            const [start, end] = [parseMoment('--from', options.from), parseMoment('--to', options.to)];
            if (start >= end)
              throw new RatchetError('E_USAGE', '--from lies after --to.', {
                hint: 'Give the earlier time to --from.',
              });
            const overlap = OVERLAP_POLICIES[parseOverlap(options.overlap)];
            return async (client) => {
              await client.schedule.getHandle(scheduleId(name)).backfill({ start, end, overlap });
              output.object({ event: 'backfill', name, from: start.toISOString(), to: end.toISOString() });
              output.line(`The schedule ${name} makes up for ${start.toISOString()} to ${end.toISOString()}.`);
            };
          },
          name,
        ),
      ),
    ['schedule backfill nightly --from 2026-11-14T00:00:00Z --to 2026-11-21T00:00:00Z'],
  );
}

const DONE = {
  pause: 'rests until it is resumed',
  resume: 'goes on',
  trigger: 'checks now',
  delete: 'is deleted',
};

function steer(
  schedule: Command,
  action: keyof typeof DONE,
  description: string,
  work: (handle: ScheduleHandle, note: string) => Promise<void>,
): void {
  const takesReason = action === 'pause' || action === 'resume';
  const command = schedule.command(action).description(description).argument('<name>', 'name of the schedule');
  if (takesReason) command.option('--reason <text>', 'why; kept with the schedule');
  command.action((name: string, options: CommonOptions & { reason?: string }) =>
    act(
      options,
      ({ output }) =>
        async (client) => {
          const note = `${action} by ${actorName()}${options.reason === undefined ? '' : `: ${options.reason}`}`;
          await work(client.schedule.getHandle(scheduleId(name)), note);
          output.object({ event: action, name });
          output.line(`The schedule ${name} ${DONE[action]}.`);
        },
      name,
    ),
  );
  withCommonOptions(command, [
    `schedule ${action} nightly`,
    ...(takesReason ? [`schedule ${action} nightly --reason "maintenance"`] : []),
  ]);
}

const list =
  ({ output }: Surroundings): Work =>
  async (client) => {
    const schedules = await Promise.all(
      (await listSchedules(client)).map(async ({ id }) => ({
        name: id.slice(scheduleId('').length),
        description: await client.schedule.getHandle(id).describe(),
      })),
    );
    for (const { name, description } of schedules) output.object(scheduleObject(name, description));
    if (schedules.length === 0)
      output.line('There is no schedule. Create one with `npx ratchet schedule create nightly --every 1d`.');
    else for (const line of scheduleLines(schedules, output.style)) output.line(line);
  };

/** `plan` checks what was asked for, whether anything runs or not, and says what to do where something does. */
async function act(options: CommonOptions, plan: (surroundings: Surroundings) => Work, name = ''): Promise<void> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options);
  const work = plan({ config, output });
  try {
    await withRunning(config, dataFolder, ({ client }) => work(client));
  } catch (error) {
    throw explain(error, name);
  }
}

/** The client throws a TypeError with the server's words for a time that the server does not understand. */
function refuseSpecification(error: unknown): never {
  if (!(error instanceof TypeError)) throw error;
  throw new RatchetError('E_USAGE', `Temporal refuses the schedule: ${error.message}.`, {
    hint: 'A cron expression has five fields, such as "0 3 * * *", or is a word such as @daily.',
    cause: error,
  });
}

/** Temporal's refusals in our words; anything else as it is. */
function explain(error: unknown, name: string): unknown {
  if (error instanceof ScheduleAlreadyRunning)
    return new RatchetError('E_USAGE', `There is a schedule "${name}" already.`, {
      hint: `Take another name, or delete it first with \`npx ratchet schedule delete ${name}\`.`,
      cause: error,
    });
  if (error instanceof ScheduleNotFoundError)
    return new RatchetError('E_NOT_FOUND', `There is no schedule "${name}".`, {
      hint: '`npx ratchet schedule list` shows them.',
      cause: error,
    });
  return error;
}
