import { readFile } from 'node:fs/promises';
import { createSchedule, SCHEDULE_NAMES, type ScheduleName } from '../../engine/optim/schedules/create-schedule.js';
import type { NamedSchedule, Ramp, ScheduleSettings } from '../../engine/optim/schedules/named-schedules.js';
import { CaseRecorder, type ParityReport } from './report.js';

interface ScheduleCase {
  name: string;
  base_lr: number;
  num_warmup_steps: number;
  num_training_steps: number;
  kwargs: Record<string, unknown>;
  lr?: number[];
  lr_after_last?: number;
  error?: string;
}

/** The reference's keyword arguments under our names. */
const settingOf: Record<string, keyof ScheduleSettings> = {
  num_cycles: 'numCycles',
  lr_end: 'finalLearningRate',
  power: 'power',
  timescale: 'timescale',
  min_lr: 'minimumLearningRate',
  min_lr_rate: 'minimumRatio',
  min_lr_ratio: 'minimumRatio',
  num_decay_steps: 'decaySteps',
  num_stable_steps: 'stableSteps',
  warmup_type: 'warmupType',
  decay_type: 'decayType',
};

/** schedules.json: each case against the reference, a fault of the reference against ours. */
export async function checkSchedules(file: string, report: ParityReport): Promise<void> {
  const { cases } = JSON.parse(await readFile(file, 'utf8')) as { cases: ScheduleCase[] };
  const record = new CaseRecorder(report, 'schedules');
  for (const [index, item] of cases.entries()) {
    const { name, base_lr, num_warmup_steps, num_training_steps, kwargs } = item;
    const label = `${index}/${name}/${base_lr}/${num_warmup_steps}/${JSON.stringify(kwargs)}`;
    const unknown = Object.keys(kwargs).filter((key) => !Object.hasOwn(settingOf, key));
    if (!SCHEDULE_NAMES.includes(name as ScheduleName) || unknown.length > 0) {
      record.unknown(label, [name, ...unknown].join(', ') + ' is not implemented');
      continue;
    }
    const settings = Object.fromEntries(
      Object.entries(kwargs).map(([key, value]) => [settingOf[key]!, value as number & Ramp]),
    );
    try {
      const schedule = createSchedule(
        { name: name as NamedSchedule, ...settings },
        { learningRate: base_lr, totalSteps: num_training_steps, warmupSteps: num_warmup_steps },
      );
      if (item.error !== undefined) {
        record.failed(label, `gives a schedule, expected ${item.error}`);
        continue;
      }
      const expected = [...item.lr!, item.lr_after_last!];
      let worst = 0;
      for (const [step, rate] of expected.entries()) {
        const allowed = 1e-12 * Math.abs(rate) + 1e-18;
        worst = Math.max(worst, Math.abs(schedule.getLearningRate(step) - rate) / allowed);
      }
      if (worst <= 1) record.passed(label, `${(worst * 1e-12).toExponential(1)} relative`);
      else record.failed(label, `differs by ${(worst * 1e-12).toExponential(1)} relative, tolerance 1e-12`);
    } catch (error) {
      if (item.error !== undefined) record.passed(label, `refused: ${(error as Error).message}`);
      else record.failed(label, (error as Error).message);
    }
  }
}
