import type { StepReport, TrainResult, ValidationReport } from '../../../engine/index.js';
import type { TrainingPlan } from '../../../workers/jobs/plan-training-run.js';
import { bytes, duration, loss } from './numbers.js';
import { bar } from './progress.js';
import type { Style } from './style.js';

const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;
const nameOf = (value: string | { name: string }): string => (typeof value === 'string' ? value : value.name);

/** What a run will do; `all` adds the settings that a plain start does not need to see. */
export function planLines(plan: TrainingPlan, style: Style, all: boolean): string[] {
  const { config, data, memory } = plan;
  const { train, validation } = data;
  const adapter =
    config.trainingStrategy === 'full'
      ? ''
      : ` rank ${config.loraRank}, alpha ${config.loraAlpha}, dropout ${config.loraDropout}`;
  const left = data.read - data.kept;
  const lines: [string, string][] = [
    ['model', `${plan.modelDir} (${plan.architecture}, ${count(memory.parameters)} parameters)`],
    [
      'method',
      `${config.trainingStrategy}${adapter}; ${count(memory.trainableParameters)} parameters trained; objective ${plan.objective.kind}`,
    ],
    ['data', `${plural(data.read, 'row')} of ${data.format}: ${data.because}`],
    [
      'rows',
      `${count(train.rows)} to train on, ${validation === null ? 'none' : count(validation.rows)} to validate on, ${count(left)} left out, ${count(data.truncated)} cut`,
    ],
    [
      'tokens',
      `${count(train.tokens)}, of which ${count(train.learned)} are learned; the longest row has ${count(train.longest)}`,
    ],
    [
      'steps',
      `${count(plan.totalSteps)} of ${config.batchSize} × ${config.gradientAccumulationSteps} rows, ${plural(plan.stepsPerEpoch, 'step')} an epoch`,
    ],
    ['memory', `about ${bytes(memory.total)} of ${bytes(plan.availableMemory)} free`],
  ];
  if (all)
    lines.push(
      [
        'learning rate',
        `${config.learningRate} ${nameOf(config.schedule)}, ${plural(plan.warmupSteps, 'step')} of warm-up`,
      ],
      [
        'optimizer',
        `${nameOf(config.optimizer)}, weight decay ${config.weightDecay}, gradients clipped to ${config.maxGradientNorm}`,
      ],
      ['precision', config.precision],
      ['output', plan.outputDir],
    );
  const reasons = Object.entries(data.dropped).map(([reason, n]) =>
    style.yellow(`  ${plural(n, 'row')} left out: ${reason}`),
  );
  const first = data.rejected.map(({ file, line, field, reason }) =>
    style.dim(`  ${file}:${line}: ${[field, reason].filter(Boolean).join(' ')}`),
  );
  return [
    ...lines.map(([name, text]) => `${style.dim(name.padEnd(14))}${text}`),
    ...reasons,
    ...(all ? first : []),
    ...(data.ledger === null ? [] : [style.yellow(`  all of them are in ${data.ledger}`)]),
    ...plan.notes.map((note) => style.yellow(`note: ${note}`)),
    ...(plan.refused ? [style.red(`refused: ${plan.refused.message} ${plan.refused.hint}`)] : []),
  ];
}

/** The live line of a training. */
export class TrainingProgress {
  loggingSteps = 1;
  private epochs = 0;
  private readonly recent: { milliseconds: number; tokens: number }[] = [];

  constructor(private readonly style: Style) {}

  start({ config, totalSteps, stepsPerEpoch }: TrainingPlan): void {
    this.loggingSteps = config.loggingSteps;
    this.epochs = totalSteps / stepsPerEpoch;
  }

  /** Bar, step, epoch, loss, learning rate, learned tokens a second and time left, over the last 20 steps. */
  step({
    step,
    totalSteps,
    epoch,
    loss: value,
    learningRate,
    milliseconds,
    tokens,
  }: StepReport & { epoch: number | null }): string {
    this.recent.push({ milliseconds, tokens });
    if (this.recent.length > 20) this.recent.shift();
    const time = this.recent.reduce((sum, part) => sum + part.milliseconds, 0);
    const rate = (1000 * this.recent.reduce((sum, part) => sum + part.tokens, 0)) / time;
    const left = ((totalSteps - step) * time) / this.recent.length / 1000;
    return [
      `${bar(step / totalSteps, 20, this.style)} step ${step}/${totalSteps}`,
      ...(epoch === null ? [] : [`epoch ${epoch.toFixed(2)}/${this.epochs.toFixed(this.epochs % 1 === 0 ? 0 : 2)}`]),
      `loss ${loss(value)}`,
      `lr ${learningRate.toExponential(2)}`,
      `${count(Math.round(rate))} tokens/s`,
      `${duration(left)} left`,
    ].join(' · ');
  }

  validation({ step, loss: value }: ValidationReport): string {
    return `step ${step}: validation loss ${loss(value)}, perplexity ${loss(Math.exp(value))}`;
  }
}

/** What a finished training came to. */
export function trainedLines(result: TrainResult, style: Style): string[] {
  const { steps, trainLoss, validationLoss, bestStep, stoppedEarly } = result;
  const validated = validationLoss === null ? '' : `, validation ${loss(validationLoss)}`;
  const early = stoppedEarly ? `; stopped early, the weights are those of step ${bestStep}` : '';
  const resumed = result.resumedFrom === null ? '' : `, resumed from step ${result.resumedFrom}`;
  return [
    `${style.green('done')}: ${plural(steps, 'step')} in ${duration(result.milliseconds / 1000)}${resumed}; training loss ${loss(trainLoss)}${validated}${early}`,
    `${style.dim('written to'.padEnd(14))}${result.outputDir}`,
    `${style.dim('SHA-256'.padEnd(14))}${result.sha256}`,
  ];
}
