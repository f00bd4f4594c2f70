import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { runChaos, type ChaosResult } from '../../../workers/chaos/run-chaos.js';
import { wholeNumber } from '../command-context.js';
import { INTERRUPTED, onInterrupt } from '../interrupt.js';
import { Output } from '../output.js';
import { bar } from '../render/progress.js';

interface ChaosCommandOptions {
  kills: number;
  seed: number;
  from: number;
  parallel: number;
  data: string;
  json?: boolean;
  verbose?: boolean;
}

/** `ratchet chaos`: proves on this machine that a loop whose processes are killed ends with the same bits. */
export function chaosCommand(): Command {
  return new Command('chaos')
    .option('--kills <number>', 'faults, each in a run of its own', wholeNumber('--kills', 1), 10)
    .option('--seed <number>', 'seed of the plan of faults', wholeNumber('--seed', 0), 1)
    .option('--from <number>', 'first run of the plan to do now', wholeNumber('--from', 1), 1)
    .option('--parallel <number>', 'runs at a time', wholeNumber('--parallel', 1), 1)
    .option('--data <folder>', 'folder of the results; an interrupted plan goes on there', 'chaos')
    .option('--json', 'print JSON lines only')
    .option('--verbose', 'print more, and the stack of an error')
    .addHelpText(
      'after',
      `
Examples:
  $ ratchet chaos                                10 faults
  $ ratchet chaos --kills 200 --seed 3 --json    give it again after Ctrl-C: it goes on
  $ ratchet chaos --kills 50                     the first 50 of the same plan; later --kills 100 adds 50 more
  $ ratchet chaos --kills 60 --from 51           runs 51 to 60; the sum is over all that are done
  $ ratchet chaos --data /tmp/chaos --verbose`,
    )
    .action(async (options: ChaosCommandOptions) => {
      process.exitCode = await proveDurability(options);
    });
}

async function proveDurability(options: ChaosCommandOptions): Promise<number> {
  const { kills, seed, from, parallel } = options;
  const output = new Output({ json: options.json ?? false, verbose: options.verbose ?? false });
  const { style } = output;
  const interrupt = onInterrupt();
  let done = 0;
  const progress = (text: string) => output.progress(`${bar(done / kills, 24, style)} ${done}/${kills} ${text}`);
  output.line(`${style.bold('ratchet chaos')} · ${kills} faults · seed ${seed} · results in ${options.data}`);
  progress('the undisturbed run');
  try {
    const summary = await runChaos({
      kills,
      seed,
      from,
      parallel,
      folder: path.resolve(options.data),
      program: fileURLToPath(new URL('../main.js', import.meta.url)),
      signal: interrupt.signal,
      onReference: () => progress('disturbed runs'),
      onResult(result) {
        done += 1;
        output.object({ event: 'run', ...result });
        if (output.verbose || result.differences.length > 0) output.line(resultLine(result));
        progress('disturbed runs');
      },
    });
    output.progress('');
    const { runs, identical, lostEvents, maxLostSteps } = summary;
    output.line(
      `${identical} of ${runs} runs identical · ${lostEvents} feedback events lost or doubled · at most ${maxLostSteps} steps done again`,
    );
    output.object(summary);
    return identical === runs && lostEvents === 0 ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    output.progress('');
    output.line(`Stopped after ${done} of ${kills}; the same command goes on from there.`);
    output.object({ event: 'stopped', done });
    return INTERRUPTED;
  } finally {
    interrupt.dispose();
  }
}

function resultLine({ run, fault, struck, differences, lostSteps, seconds }: ChaosResult): string {
  const verdict = differences.length === 0 ? 'identical' : `differs in ${differences.join(', ')}`;
  const { kind, target, moment, delayMilliseconds, milliseconds } = fault;
  const extent = milliseconds === undefined ? '' : ` (${milliseconds} ms)`;
  const when = struck ? ` at ${moment[0]} + ${delayMilliseconds} ms` : ': over before';
  const what = `${kind} ${target}${extent}${when}`;
  return `  run ${run} · ${what} · ${verdict} · ${lostSteps} steps again · ${seconds} s`;
}
