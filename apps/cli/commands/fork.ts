import path from 'node:path';
import { Command } from 'commander';
import { configHash } from '../../../config/hash.js';
import type { LoadedConfig } from '../../../config/load.js';
import { noteForkInFile } from '../../../workers/note-fork.js';
import { runEngineJob } from '../../../workers/run-engine-job.js';
import { forkNoteWorkflowId } from '../../../workflows/identifiers.js';
import type { ForkNote, noteFork } from '../../../workflows/note-fork.js';
import { requestedBy } from '../actor.js';
import { collectSetting, outputOf, resolveConfig, wholeNumber } from '../command-context.js';
import { withEngineOptions, type EngineOptions } from '../engine-command.js';
import { onInterrupt } from '../interrupt.js';
import { isRunning, withRunning, workflowSettings } from '../loop-client.js';
import { trainedLines, TrainingProgress } from '../render/training.js';
import { comeBack, tell } from './train.js';

interface ForkOptions extends EngineOptions {
  outputDir: string;
  fromCheckpoint?: number;
  set?: Record<string, string>;
  device: 'cpu';
  reason?: string;
}

/** `ratchet fork`: trains on from a checkpoint of another run, with other settings. */
export function forkCommand(): Command {
  const command = new Command('fork')
    .argument('<run>', 'output folder of a `ratchet train`, or <loop>/round-<n> of a loop in the data folder')
    .requiredOption(
      '--output-dir <folder>',
      'folder of the new adapter (or model); <folder>.run keeps the run beside it',
    )
    .option(
      '--from-checkpoint <step>',
      'step of the checkpoint (default: the newest)',
      wholeNumber('--from-checkpoint', 0),
    )
    .option('--set <key=value>', 'change one setting, such as learningRate=1e-4; may be repeated', collectSetting)
    .option('--device <name>', 'cpu, auto, cuda, webgpu, tfjs-node-gpu or tfjs-node', 'cpu')
    .option('--reason <text>', 'why; kept beside the fork, and in the audit trail of its loop')
    .action(async (run: string, options: ForkOptions) => {
      process.exitCode = await fork(run, options);
    });
  return withEngineOptions(command, [
    'fork runs/support --output-dir runs/slower --set learningRate=5e-5',
    'fork main/round-3 --from-checkpoint 40 --output-dir runs/longer --set numEpochs=6 --reason "was still falling"',
  ]);
}

async function fork(run: string, options: ForkOptions): Promise<number> {
  const output = outputOf(options);
  const loaded = await resolveConfig({ ...(options.data !== undefined && { data: options.data }) });
  const interrupt = onInterrupt();
  const progress = new TrainingProgress(output.style);
  const changes = options.set ?? {};
  const by = requestedBy(options.reason);
  try {
    const result = await runEngineJob(
      {
        kind: 'fork',
        run,
        dataFolder: loaded.dataFolder,
        step: options.fromCheckpoint ?? null,
        outputDir: options.outputDir,
        changes,
        device: options.device,
        ...(options.threads !== undefined && { threads: options.threads }),
        ...by,
      },
      {
        signal: interrupt.signal,
        onEvent(event) {
          tell(event, output, progress);
        },
      },
    );
    output.progress('');
    if (result === null) return comeBack(output);
    const details = { changes, outputDir: path.resolve(options.outputDir) };
    const noted = await note(run, loaded, { ...by, details }).catch((error: Error) => {
      output.line(output.style.yellow(`The audit trail does not tell of this fork: ${error.message}`));
      return false;
    });
    output.object({ event: 'done', ...result.value, noted });
    for (const line of trainedLines(result.value, output.style)) output.line(line);
    return 0;
  } finally {
    output.progress('');
    interrupt.dispose();
  }
}

/** Notes the fork of a round in the audit trail of its loop, once; false where a run is forked that is no loop's. */
async function note(
  run: string,
  { config, dataFolder }: LoadedConfig,
  forked: Omit<ForkNote, 'id' | 'loop' | 'round'>,
): Promise<boolean> {
  const [, loop, round] = /^([a-z0-9-]+)\/round-(\d+)$/.exec(run) ?? [];
  if (loop === undefined || round === undefined) return false;
  const entry: ForkNote = {
    ...forked,
    id: configHash({ run, ...forked }).slice(0, 12),
    loop,
    round: Number(round),
  };
  if (!isRunning(config, dataFolder)) await noteForkInFile(dataFolder, entry);
  else
    await withRunning(config, dataFolder, ({ client }) =>
      client.workflow.execute<typeof noteFork>('noteFork', {
        taskQueue: config.taskQueues.loop,
        workflowId: forkNoteWorkflowId(loop, entry.id),
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ ...entry, settings: workflowSettings(config) }],
      }),
    );
  return true;
}
