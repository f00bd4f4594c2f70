import { Context } from '@temporalio/activity';
import { context, trace } from '@opentelemetry/api';
import type { StepReport } from '../engine/index.js';

export interface TrainingObserver {
  step(report: StepReport): void;
  checkpoint(step: number): void;
}

/** Of so many steps one becomes a span, and the first. */
const STEPS_A_SPAN = 10;

/**
 * Tells a training's progress: metrics, spans of some of its steps, and the log (checkpoints, and at level debug every
 * step). Call it inside the activity that trains.
 */
export function observeTraining(): TrainingObserver {
  const { metricMeter, log, info } = Context.current();
  const loop = /^loop\/([^/]+)/.exec(info.workflowExecution?.workflowId ?? '')?.[1] ?? '';
  const meter = metricMeter.withTags({ loop });
  const steps = meter.createCounter('ratchet_training_steps', undefined, 'Optimizer steps.');
  const tokens = meter.createCounter('ratchet_training_tokens', undefined, 'Learned tokens of the steps.');
  const seconds = meter.createHistogram('ratchet_training_step_seconds', 'float', undefined, 'Time of a step.');
  const loss = meter.createGauge('ratchet_training_loss', 'float', undefined, 'Loss of the last step.');
  const norm = meter.createGauge('ratchet_training_gradient_norm', 'float', undefined, 'Norm before clipping.');
  const tracer = trace.getTracer('ratchet');
  // The engine calls back from its own thread: the activity's span must be named.
  const activity = context.active();
  return {
    step: context.bind(activity, (report: StepReport) => {
      steps.add(1);
      tokens.add(report.tokens);
      seconds.record(report.milliseconds / 1000);
      loss.set(report.loss);
      norm.set(report.gradientNorm);
      log.debug('step', { ...report });
      if (report.step !== 1 && report.step % STEPS_A_SPAN !== 0) return;
      const end = Date.now();
      const { step, loss: value, tokens: learned } = report;
      const attributes = { loop, step, loss: value, tokens: learned };
      tracer.startSpan('training step', { startTime: end - report.milliseconds, attributes }).end(end);
    }),
    checkpoint: context.bind(activity, (step: number) => log.info('checkpoint', { step })),
  };
}
