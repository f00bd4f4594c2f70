import path from 'node:path';
import { Command, Option } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import { readFineTuningFile, type Setting } from '../../../config/resolve-fine-tuning.js';
import { OPTIMIZERS, SCHEDULES } from '../../../config/training-choices.js';
import type { JobEvent } from '../../../workers/jobs/messages.js';
import { runEngineJob } from '../../../workers/run-engine-job.js';
import { outputOf, resolveConfig } from '../command-context.js';
import { comebackCommand } from '../comeback.js';
import { INTERRUPTED, onInterrupt } from '../interrupt.js';
import type { Output } from '../output.js';
import { planLines, trainedLines, TrainingProgress } from '../render/training.js';
import { jobNote, withEngineOptions, type EngineOptions } from '../engine-command.js';

interface TrainOptions extends EngineOptions {
  outputDir: string;
  evalFile?: string;
  config?: string;
  resume?: boolean;
  fresh?: boolean;
  dryRun?: boolean;
  keepCheckpoints?: boolean;
  [flag: string]: unknown;
}

/** The flags that are settings of a run, with the setting each one is where the names differ. */
const SETTING_FLAGS: { flags: string; description: string; key?: string; value?: unknown }[] = [
  { flags: '--model <name>', description: 'model folder, hub repository or id of `ratchet models list`' },
  { flags: '--task <name>', description: 'generation or classification (default: what the model is made for)' },
  { flags: '--training-strategy <name>', description: 'lora, qlora or full (default: lora)' },
  {
    flags: '--objective <name>',
    description: 'auto, causal, seq2seq, classification, dpo, simpo, orpo or distillation',
  },
  { flags: '--labels <names>', description: 'classes of a new head: names with commas, or how many' },
  { flags: '--epochs <number>', description: 'passes over the rows (default: 3)', key: 'numEpochs' },
  { flags: '--max-steps <number>', description: 'optimizer steps, instead of epochs' },
  { flags: '--batch-size <number>', description: 'rows of a forward pass (default: 4, classification 16)' },
  { flags: '--gradient-accumulation-steps <number>', description: 'forward passes of a step (default: 4)' },
  { flags: '--gradient-checkpointing', description: 'compute activations twice instead of keeping them' },
  {
    flags: '--fp16',
    description: 'keep frozen weights in float16: half the memory, rounded',
    key: 'precision',
    value: 'float16',
  },
  {
    flags: '--bf16',
    description: 'keep frozen weights rounded to bfloat16: half the memory',
    key: 'precision',
    value: 'bfloat16',
  },
  {
    flags: '--dataloader-num-workers <number>',
    description: 'accepted for old scripts: rows become tokens once, before the first step',
  },
  { flags: '--device <name>', description: 'cpu, auto, cuda, webgpu, tfjs-node-gpu or tfjs-node (default: cpu)' },
  { flags: '--use-gpu', description: 'want a GPU, and fail without one' },
  { flags: '--learning-rate <rate>', description: 'largest learning rate (default: 2e-4)' },
  { flags: '--warmup-ratio <share>', description: 'share of the steps over which the rate rises (default: 0.05)' },
  { flags: '--schedule <name>', description: `one of ${SCHEDULES.join(', ')} (default: linear)` },
  { flags: '--optimizer <name>', description: `one of ${OPTIMIZERS.join(', ')} (default: adamw)` },
  { flags: '--weight-decay <number>', description: 'decoupled weight decay (default: 0.01)' },
  { flags: '--max-gradient-norm <number>', description: 'gradients are clipped to it (default: 1)' },
  { flags: '--max-length <tokens>', description: 'tokens of a row; longer ones are cut (default: 512)' },
  { flags: '--packing', description: 'several rows in one sequence, apart from each other' },
  { flags: '--dynamic-batching', description: 'rows of like length together' },
  { flags: '--curriculum', description: 'take the first epoch from short rows to long ones' },
  { flags: '--lora-rank <number>', description: 'rank of the adapter (default: 16)' },
  { flags: '--lora-alpha <number>', description: 'the adapter is scaled by alpha / rank (default: 32)' },
  { flags: '--lora-dropout <share>', description: 'dropout in front of the adapter (default: 0.1)' },
  { flags: '--target-modules <names>', description: 'all-linear, or names with commas (default: as PEFT)' },
  { flags: '--use-rslora', description: 'scale the adapter by alpha / √rank' },
  { flags: '--use-dora', description: 'DoRA: train lengths of weights apart from directions' },
  { flags: '--initialization <name>', description: 'default or pissa' },
  { flags: '--lora-plus-ratio <number>', description: "LoRA+: B's rate over A's (default: 1)" },
  { flags: '--preference-loss <name>', description: 'DPO: sigmoid, ipo or hinge (default: sigmoid)' },
  { flags: '--beta <number>', description: 'DPO, SimPO: weight of the log-ratio' },
  { flags: '--teacher <dir>', description: 'distillation: model folder of the teacher' },
  { flags: '--eval-ratio <share>', description: 'rows held out for validation, 0 for none (default: 0.1)' },
  { flags: '--eval-steps <number>', description: 'steps between validations (default: one an epoch)' },
  {
    flags: '--patience <number>',
    description: 'stop after so many validations without a better one',
    key: 'earlyStoppingPatience',
  },
  { flags: '--logging-steps <number>', description: 'steps between printed lines (default: 10)' },
  { flags: '--checkpoint-steps <number>', description: 'steps between checkpoints (default: 20)' },
  { flags: '--seed <number>', description: 'seed of every random stream (default: 1)' },
];

/** `ratchet train`: a model trained on a file, to be come back to at any time. */
export function trainCommand(): Command {
  const command = new Command('train')
    .argument('<file>', 'JSONL, JSON, CSV, TSV, Parquet or text; the format is found out')
    .requiredOption('--output-dir <folder>', 'folder of the adapter (or model); <folder>.run keeps the run beside it')
    .option('--eval-file <file>', 'rows to validate on, instead of a share of the file');
  for (const { flags, description } of SETTING_FLAGS) command.addOption(new Option(flags, description));
  command
    .option('--config <file>', 'JSON file of settings; flags win over it')
    .option('--resume', 'go on with a run, and never start one')
    .option('--fresh', 'start over, and replace what an earlier run wrote')
    .option('--keep-checkpoints', 'keep the last checkpoints of a finished run, to fork it')
    .option('--dry-run', 'print what would be done, and do nothing')
    .action(async (file: string, options: TrainOptions) => {
      process.exitCode = await train(file, options);
    });
  return withEngineOptions(command, [
    'train chats.jsonl --model models/base --output-dir runs/support',
    'train rows.csv --model gpt2 --output-dir runs/a --epochs 3 --learning-rate 2e-4 --dry-run',
    'train pairs.jsonl --model DIR --output-dir runs/dpo --objective dpo --beta 0.1',
    'train rows.parquet --config examples/configs/finetune_ollama_config_phi3_mini_original.json --output-dir runs/phi3',
  ]);
}

async function train(file: string, options: TrainOptions): Promise<number> {
  if (options.resume && options.fresh)
    throw new RatchetError('E_USAGE', '--resume and --fresh exclude each other.', {
      hint: 'Give one of them, or none.',
    });
  const output = outputOf(options);
  const { dataFolder } = await resolveConfig({ ...(options.data !== undefined && { data: options.data }) });
  const fromFile = options.config === undefined ? [] : await readFineTuningFile(options.config);
  const interrupt = onInterrupt();
  const progress = new TrainingProgress(output.style);
  try {
    const result = await runEngineJob(
      {
        kind: 'train',
        file,
        outputDir: options.outputDir,
        settings: [...fromFile, ...settingsOf(options)],
        modelCache: path.join(dataFolder, 'models'),
        mode: options.fresh ? 'fresh' : options.resume ? 'resume' : 'auto',
        dryRun: options.dryRun ?? false,
        keepCheckpoints: options.keepCheckpoints ?? false,
        ...(options.evalFile !== undefined && { evalFile: options.evalFile }),
        ...(options.threads !== undefined && { threads: options.threads }),
      },
      { signal: interrupt.signal, onEvent: (event) => tell(event, output, progress, options.dryRun ?? false) },
    );
    output.progress('');
    if (result === null) return comeBack(output);
    if (result.value === null) return 0;
    output.object({ event: 'done', ...result.value });
    for (const line of trainedLines(result.value, output.style)) output.line(line);
    return 0;
  } finally {
    output.progress('');
    interrupt.dispose();
  }
}

/** The settings that were given as flags; the schema checks them. */
export function settingsOf(options: Readonly<Record<string, unknown>>): Setting[] {
  return SETTING_FLAGS.flatMap(({ flags, key, value }) => {
    const [where = ''] = flags.split(' ');
    const name = where.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const given = options[name];
    if (given === undefined) return [];
    return [{ key: key ?? name, value: value ?? parsed(name, given), where }];
  });
}

/** A flag's text as a number where it is one, and as a list of names where commas say so. */
function parsed(name: string, given: unknown): unknown {
  if (typeof given !== 'string') return given;
  if (name === 'labels' && !/^\d+$/.test(given)) return given.split(',');
  if (name === 'targetModules') return given === 'all-linear' ? given : given.split(',');
  return given.trim() !== '' && Number.isFinite(Number(given)) && name !== 'model' && name !== 'teacher'
    ? Number(given)
    : given;
}

/** Shows what a training tells on its way. */
export function tell(event: JobEvent, output: Output, progress: TrainingProgress, dryRun = false): void {
  output.object(event.event === 'plan' && dryRun ? { ...event, dryRun } : event);
  switch (event.event) {
    case 'plan':
      progress.start(event);
      for (const line of planLines(event, output.style, output.verbose || dryRun)) output.line(line);
      return;
    case 'step': {
      const line = progress.step(event);
      output.progress(line);
      const every = progress.loggingSteps;
      if (!output.live && (event.step % every === 0 || event.step === event.totalSteps)) output.line(line);
      return;
    }
    case 'validation':
      return output.line(progress.validation(event));
    case 'warning':
      return output.line(output.style.yellow(`warning: ${event.message}`));
    default:
      jobNote(event, output);
  }
}

/** What is said of a training that was stopped. */
export function comeBack(output: Output): number {
  const command = comebackCommand(process.argv.slice(2));
  output.line('Stopped; a checkpoint was saved.');
  output.line(`Come back with: ${output.style.bold(command)}`);
  output.object({ event: 'stopped', comeBack: command });
  return INTERRUPTED;
}
