import path from 'node:path';
import { Command } from 'commander';
import type { EvaluationRow } from '../../../config/domain.js';
import type { LoadedConfig } from '../../../config/load.js';
import { connectClient } from '../../../workers/connection.js';
import type { Running } from '../../../workers/supervisor.js';
import { loopWorkflowId } from '../../../workflows/identifiers.js';
import { resumeSignal, statusQuery } from '../../../workflows/messages.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { comebackCommand } from '../comeback.js';
import { emptyDataFolder } from '../fresh.js';
import { INTERRUPTED, onInterrupt, pause } from '../interrupt.js';
import { startOrJoinLoop, type LoopHandle, type LoopStart } from '../loop-client.js';
import { championPath, overall, summarizeDemo, writeResult } from '../loop-report.js';
import { watchLoop, type WatchedResult, type Watcher } from '../loop-watch.js';
import type { Output } from '../output.js';
import { demoRunFile } from '../package-root.js';
import { progressLine } from '../render/progress.js';
import { baselineLine, beforeAfterTable, roundLine, roundsHeader } from '../render/rounds.js';
import { startSupervised } from '../supervised.js';

interface DemoOptions extends CommonOptions {
  fresh?: boolean;
  yes?: boolean;
  run?: string;
  rounds?: number;
  seed?: number;
  name?: string;
}

const NOTICED_MILLISECONDS = 2_000;

/** `ratchet demo`: the whole loop on simulated users, from set-up to the before/after table. */
export function demoCommand(): Command {
  const command = new Command('demo')
    .option('--fresh', 'start over from an empty data folder')
    .option('--yes', 'with --fresh: remove other loops of the data folder as well')
    .option('--rounds <number>', 'rounds to play', wholeNumber('--rounds', 1))
    .option('--seed <number>', 'seed of every random stream', wholeNumber('--seed', 0))
    .option('--name <name>', 'name of the loop')
    .option('--run <file>', 'run file of the demo (default: examples/demo.yaml)')
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
  return withCommonOptions(command, [
    'demo                        play the demo, or go on where it was',
    'demo --fresh                start over',
    'demo --json --fresh         JSON lines; the last one is the summary',
    'demo --rounds 2 --seed 7 --data /tmp/ratchet-demo',
  ]);
}

async function runDemo(options: DemoOptions): Promise<number> {
  const output = outputOf(options);
  const { rounds, seed, name } = options;
  const loaded = await resolveConfig(options, {
    ...(options.run === undefined ? { baseFile: demoRunFile() } : { runFile: options.run }),
    overrides: { 'loop.rounds': rounds, 'loop.seed': seed, 'loop.name': name },
  });
  const { config, dataFolder } = loaded;
  const { style } = output;
  output.line(
    `${style.bold('ratchet demo')} · loop ${config.loop.name} · seed ${config.loop.seed} · ${config.loop.rounds} ${config.loop.rounds === 1 ? 'round' : 'rounds'} · model ${config.loop.model}`,
  );
  if (options.fresh) {
    const interactive = output.live && process.stdin.isTTY;
    await emptyDataFolder(dataFolder, { loop: config.loop.name, yes: options.yes ?? false, interactive });
  }

  const interrupt = onInterrupt();
  try {
    for (let fresh = options.fresh ?? false; ; fresh = false) {
      const code = await playSupervised(loaded, output, fresh, interrupt.signal);
      if (code !== null) return code;
      output.line(style.dim('  the process that ran it has ended; going on here'));
    }
  } finally {
    interrupt.dispose();
  }
}

/** The exit code; null when it only watched, and the process that ran everything ended first. */
async function playSupervised(
  loaded: LoadedConfig,
  output: Output,
  fresh: boolean,
  signal: AbortSignal,
): Promise<number | null> {
  // While everything starts there is nothing to save yet: the first Ctrl-C ends it.
  const leave = () => process.exit(INTERRUPTED);
  signal.addEventListener('abort', leave);
  const running = await startSupervised(loaded, output, { anyPort: true, leaving: signal });
  signal.removeEventListener('abort', leave);
  try {
    return await play(loaded, running, output, fresh, signal);
  } catch (error) {
    if (running.attached && (await hasFailed(running, signal))) return null;
    throw error;
  } finally {
    output.progress('');
    await running.stop();
  }
}

/** Whether what runs everything is gone; that is noticed a moment after requests to it fail. */
function hasFailed({ failed }: Running, signal: AbortSignal): Promise<boolean> {
  return Promise.race([failed.catch(() => true), pause(NOTICED_MILLISECONDS, signal).then(() => false)]);
}

async function play(
  loaded: LoadedConfig,
  running: Running,
  output: Output,
  fresh: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { config, dataFolder } = loaded;
  const { name } = config.loop;
  output.line(`  data in ${shown(dataFolder)}${running.uiUrl === null ? '' : ` · Temporal UI ${running.uiUrl}`}`);
  const client = await connectClient(config, running.address);
  const ended = new AbortController();
  try {
    const start = await startOrJoinLoop(client, config, { fresh });
    output.object({ event: 'loop', name, how: start.how, workflowId: loopWorkflowId(name), uiUrl: running.uiUrl });
    tellStart(start, output, name);
    if (start.how === 'joined') await goOn(start.handle);
    output.line();
    output.line(roundsHeader(output.style));
    const watching = watchLoop({
      client,
      handle: start.handle,
      name,
      signal: AbortSignal.any([signal, ended.signal]),
      watcher: createWatcher(output),
      pollMilliseconds: output.live ? 300 : 500,
    });
    const watched = await Promise.race([watching, running.failed]);
    output.progress('');
    if (watched === null) {
      detach(running, output);
      return INTERRUPTED;
    }
    finish(watched, loaded, running, output);
    return 0;
  } finally {
    // Where what runs everything has failed, the watcher would ask for ever.
    ended.abort();
    await client.connection.close();
  }
}

function tellStart({ how, otherConfig }: LoopStart, output: Output, name: string): void {
  const { style } = output;
  if (how === 'joined') output.line(`  the loop ${name} is under way; going on where it was`);
  if (how === 'finished') output.line(`  the loop ${name} has finished; --fresh starts over`);
  if (otherConfig) {
    output.line(
      style.yellow('  it was started with another configuration and keeps it; --fresh starts over with this one'),
    );
  }
}

/** A paused or failed loop is tried again: that is what giving the command again asks for. */
async function goOn(handle: LoopHandle): Promise<void> {
  const status = await handle.query(statusQuery).catch(() => null);
  if (status?.phase !== 'paused' && status?.phase !== 'failed') return;
  await handle.signal(resumeSignal);
}

function createWatcher(output: Output): Watcher {
  const { style } = output;
  let told = '';
  return {
    onSnapshot(snapshot) {
      output.progress(`  ${progressLine(snapshot, style)}`);
      const { status, stage, activity } = snapshot;
      if (status === null) return;
      output.object({ event: 'progress', round: status.round, phase: status.phase, stage, activity });
      // Without a live line: one line a stage.
      const now = status.phase === 'running' ? `round ${status.round} · ${stage ?? 'starting'}` : status.phase;
      if (!output.live && output.verbose && now !== told) output.line(style.dim(`  ${now}`));
      told = now;
    },
    onBaseline(baseline: EvaluationRow[], seconds) {
      output.object({ event: 'baseline', ...overall(baseline), seconds });
      output.line(baselineLine(overall(baseline), seconds));
    },
    onRound(result, seconds) {
      const { round, stage, labels, loss, promoted, trained, reason, after, model } = result;
      const sha256 = model?.sha256 ?? null;
      output.object({
        event: 'round',
        round,
        stage,
        ...after,
        labels,
        loss,
        trained,
        promoted,
        reason,
        seconds,
        sha256,
      });
      output.line(roundLine(result, seconds, style));
    },
  };
}

function detach(running: Running, output: Output): void {
  const { style } = output;
  const command = comebackCommand(process.argv.slice(2));
  output.line();
  output.line(
    running.attached
      ? 'Left; the loop goes on in the process that runs it.'
      : 'Stopping: a training under way saves first …',
  );
  output.line(`Come back with: ${style.bold(command)}`);
  output.object({ event: 'detached', comeBack: command });
}

function finish(watched: WatchedResult, loaded: LoadedConfig, running: Running, output: Output): void {
  const { dataFolder, config } = loaded;
  const { style } = output;
  const { result } = watched;
  const resultFile = writeResult(dataFolder, config.loop.name, watched);
  const adapter = championPath(watched);
  const places: [string, string | null][] = [
    ['adapter', adapter === null ? 'none: no round beat the base model' : shown(path.join(dataFolder, adapter))],
    ['SHA-256', result.adapterSha256],
    ['result', shown(resultFile)],
    ['database', shown(path.join(dataFolder, 'ratchet.duckdb'))],
    ['logs', shown(path.join(dataFolder, 'logs'))],
    ['Temporal UI', running.uiUrl === null ? null : `${running.uiUrl} (while \`ratchet up\` runs)`],
  ];
  output.line();
  for (const line of beforeAfterTable(result.baseline, result.final, style)) output.line(line);
  output.line();
  for (const [label, value] of places) if (value !== null) output.line(`${style.dim(label.padEnd(12))} ${value}`);
  output.object(summarizeDemo(watched));
}

/** Relative to the current folder where that is shorter to read. */
function shown(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' ? '.' : relative.startsWith('..') ? file : relative;
}
