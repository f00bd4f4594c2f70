import { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import { AdvancedLRScheduler, THREE_PHASES } from '../../../engine/optim/schedules/advanced-lr-scheduler.js';
import {
  createSchedule,
  SCHEDULE_NAMES,
  type ScheduleName,
  type ScheduleSpec,
} from '../../../engine/optim/schedules/create-schedule.js';
import { outputOf, wholeNumber, withPrintOptions, type PrintOptions } from '../command-context.js';
import { learningRateRows, type LearningRateRow } from '../render/learning-rate.js';

interface LrOptions extends PrintOptions {
  steps: number;
  every: number;
  schedule: ScheduleName;
  learningRate: number;
  warmup: number;
  setting?: Record<string, number | string>;
}

/** `ratchet lr`: the learning rate and phase of each step of a run, before it is started. */
export function lrCommand(): Command {
  const command = new Command('lr')
    .option('--steps <number>', 'optimizer steps of the run', wholeNumber('--steps', 1), 2000)
    .option('--every <number>', 'print every so many steps, and the last', wholeNumber('--every', 1), 100)
    .option('--schedule <name>', `one of ${SCHEDULE_NAMES.join(', ')}`, 'three_phase')
    .option('--learning-rate <rate>', 'largest learning rate', positive, THREE_PHASES[0]!.from)
    .option('--warmup <number>', 'steps of warm-up', wholeNumber('--warmup', 0), 0)
    .option('--setting <key=value>', 'a setting of the schedule, such as numCycles=3; may be repeated', collect)
    .action((options: LrOptions) => print(options));
  return withPrintOptions(command, [
    'lr --steps 2000 --every 100',
    'lr --schedule cosine --learning-rate 2e-4 --warmup 100 --steps 1000 --every 50',
    'lr --schedule cosine_with_restarts --setting numCycles=4',
    'lr --schedule warmup_stable_decay --setting decaySteps=400 --json',
  ]);
}

function print(options: LrOptions): void {
  const output = outputOf(options);
  const rows = computeRows(options);
  if (output.json) for (const row of rows) output.object(row);
  else for (const line of learningRateRows(rows, output.style)) output.line(line);
}

/** The rows of a schedule: every `every`-th step from 0, and the last. */
export function computeRows({ steps, every, schedule, learningRate, warmup, setting }: LrOptions): LearningRateRow[] {
  const spec = { name: schedule, ...setting } as ScheduleSpec;
  const rates = createSchedule(spec, { learningRate, totalSteps: steps, warmupSteps: warmup });
  const rows: LearningRateRow[] = [];
  for (let step = 0; step < steps; step += every) rows.push(rowAt(step));
  if (rows.at(-1)!.step !== steps - 1) rows.push(rowAt(steps - 1));
  return rows;

  function rowAt(step: number): LearningRateRow {
    const row = { step, learningRate: rates.getLearningRate(step) };
    const info = rates instanceof AdvancedLRScheduler ? rates.getPhaseInfo(step) : null;
    if (info?.warmingUp ?? step < warmup) return { ...row, phase: 'Warm-up' };
    return { ...row, phase: info?.phaseName ?? null };
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RatchetError('E_USAGE', `--learning-rate wants a number above 0, got "${text}".`, {
    hint: 'For example: --learning-rate 2e-4',
  });
}

function collect(text: string, previous: Record<string, number | string> = {}): Record<string, number | string> {
  const [, key, value] = /^(\w+)=(.+)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new RatchetError('E_USAGE', `--setting wants key=value, got "${text}".`, {
      hint: 'For example: --setting numCycles=3',
    });
  return { ...previous, [key]: Number.isNaN(Number(value)) ? value : Number(value) };
}
