import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import type { LoadedConfig } from '../../../config/load.js';
import { pauseSignal, resumeSignal, stopSignal } from '../../../workflows/messages.js';
import { requestedBy } from '../actor.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { INTERRUPTED, onInterrupt, pause } from '../interrupt.js';
import { describeLoop, runningLoop, startOrJoinLoop, withRunning } from '../loop-client.js';
import { takeSnapshot, type Snapshot } from '../loop-watch.js';
import type { Output } from '../output.js';
import { setComponents, type SetOptions } from './loop-components.js';
import { addLoopControl } from './loop-control.js';
import { showStatistics } from './loop-stats.js';
import { loopStatusLines, loopStatusObject } from '../render/loop-status.js';
import { progressLine } from '../render/progress.js';

interface LoopOptions extends CommonOptions {
  name?: string;
  run?: string;
  rounds?: number;
  follow?: boolean;
  now?: boolean;
  reason?: string;
}

/** `ratchet loop start|status|stats|set|pause|resume|stop|reset|rollback|approve|deny|audit`: a loop on an installation that `ratchet up` keeps running. */
export function loopCommand(): Command {
  const loop = new Command('loop');
  const add = (name: string, description: string, action: (options: LoopOptions) => Promise<number>) => {
    const command = loop
      .command(name)
      .description(description)
      .option('--name <name>', 'name of the loop (default: loop.name of the configuration, main)')
      .action(async (options: LoopOptions) => {
        process.exitCode = await action(options);
      });
    return command;
  };

  withCommonOptions(
    add('start', 'Start a loop, or let one go on that was stopped', start)
      .option('--run <file>', 'run file that describes the loop')
      .option('--rounds <number>', 'end after this many rounds; 0 runs until stopped', wholeNumber('--rounds', 0)),
    ['loop start', 'loop start --name support --run support.yaml', 'loop start --set loop.minFeedback=50'],
  );
  withCommonOptions(
    add('status', 'Show what a loop does and what it has reached', showStatus).option(
      '--follow',
      'keep showing it until Ctrl-C',
    ),
    ['loop status', 'loop status --follow', 'loop status --name support --json'],
  );
  withCommonOptions(add('stats', "Count a loop's feedback events and training batches", showStatistics), [
    'loop stats',
    'loop stats --name support --json',
  ]);
  withCommonOptions(
    loop
      .command('set')
      .description('Switch components on or off from the next round on; noted in the audit trail')
      .argument('<switches...>', 'such as curriculum=off augmentation=on')
      .option('--name <name>', 'name of the loop (default: loop.name of the configuration, main)')
      .option('--reason <text>', 'why; kept in the audit trail')
      .action(async (switches: string[], options: SetOptions) => {
        process.exitCode = await setComponents(switches, options);
      }),
    ['loop set curriculum=on hardNegativeMining=on', 'loop set augmentation=off --reason "labels too noisy"'],
  );
  withCommonOptions(reasoned(add('pause', 'Begin no new round; a running one is finished', steer('pause'))), [
    'loop pause',
    'loop pause --name support --reason "new labels are being checked"',
  ]);
  withCommonOptions(reasoned(add('resume', 'End a pause, or try a failed round again', steer('resume'))), [
    'loop resume',
    'loop resume --name support',
  ]);
  withCommonOptions(
    reasoned(add('stop', 'End the loop after the running round', steer('stop'))).option(
      '--now',
      'end it at once; a training under way saves and goes on at the next start',
    ),
    ['loop stop', 'loop stop --now'],
  );
  addLoopControl(loop);
  return loop;
}

/** Who steers a loop is in the audit trail anyway. */
function reasoned(command: Command): Command {
  return command.option('--reason <text>', 'why; kept in the audit trail');
}

function resolveLoop(options: LoopOptions): Promise<LoadedConfig> {
  return resolveConfig(options, {
    ...(options.run === undefined ? {} : { runFile: options.run }),
    overrides: { 'loop.name': options.name, 'loop.rounds': options.rounds },
  });
}

async function start(options: LoopOptions): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveLoop(options);
  const { name } = config.loop;
  return await withRunning(config, dataFolder, async ({ client, uiUrl }) => {
    const found = await startOrJoinLoop(client, config, { again: true });
    output.object({ event: 'loop', name, how: found.how, otherConfig: found.otherConfig, uiUrl });
    output.line(found.how === 'joined' ? `The loop ${name} runs already.` : `The loop ${name} has started.`);
    if (found.otherConfig) {
      output.line(output.style.yellow('It was started with another configuration and keeps it until it is stopped.'));
    }
    output.line(
      `Look at it with \`npx ratchet loop status --name ${name}\`${uiUrl === null ? '' : ` or at ${uiUrl}`}.`,
    );
    return 0;
  });
}

async function showStatus(options: LoopOptions): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveLoop(options);
  const { name } = config.loop;
  const interrupt = onInterrupt();
  try {
    return await withRunning(config, dataFolder, async ({ client }) => {
      const handle = client.workflow.getHandle(`loop/${name}`);
      let shownRounds = -1;
      for (;;) {
        const found = await describeLoop(handle);
        if (found === null) {
          throw new RatchetError('E_NOT_FOUND', `There is no loop "${name}".`, {
            hint: `Start it with \`npx ratchet loop start --name ${name}\`.`,
          });
        }
        const snapshot = await takeSnapshot(client, handle);
        output.object(loopStatusObject(name, found.status.name, snapshot));
        const rounds = snapshot.status?.state?.round ?? 0;
        if (rounds !== shownRounds)
          for (const line of loopStatusLines(name, found.status.name, snapshot, output.style)) output.line(line);
        shownRounds = rounds;
        if (!options.follow || found.status.name !== 'RUNNING') return 0;
        follow(output, snapshot);
        await pause(500, interrupt.signal);
        if (interrupt.signal.aborted) return INTERRUPTED;
      }
    });
  } finally {
    output.progress('');
    interrupt.dispose();
  }
}

function follow(output: Output, snapshot: Snapshot): void {
  output.progress(progressLine(snapshot, output.style));
}

const DONE = {
  pause: 'begins no new round until it is resumed',
  resume: 'goes on',
  stop: 'ends after the running round',
};

function steer(action: keyof typeof DONE): (options: LoopOptions) => Promise<number> {
  return async (options) => {
    const output = outputOf(options);
    const { config, dataFolder } = await resolveLoop(options);
    const { name } = config.loop;
    return await withRunning(config, dataFolder, async ({ client }) => {
      const handle = await runningLoop(client, name);
      const now = action === 'stop' && options.now === true;
      const by = { id: randomUUID(), ...requestedBy(options.reason), ...(now && { now }) };
      await handle.signal({ pause: pauseSignal, resume: resumeSignal, stop: stopSignal }[action], by);
      if (now) await handle.cancel();
      output.object({ event: action, name, now: options.now ?? false });
      output.line(`The loop ${name} ${options.now ? 'ends now' : DONE[action]}.`);
      return 0;
    });
  };
}
