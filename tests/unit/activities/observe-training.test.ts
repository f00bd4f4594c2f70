import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import {
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { observeTraining } from '../../../activities/observe-training.js';

const report = (step: number) => ({
  step,
  totalSteps: 30,
  loss: 2 / step,
  gradientNorm: 1,
  learningRate: 1e-3,
  tokens: 100,
  milliseconds: 5,
});

it('W1: what the engine reports from elsewhere is logged and traced as part of the activity', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register({ contextManager: new AsyncLocalStorageContextManager().enable() });
  const lines: LogEntry[] = [];
  const environment = new MockActivityEnvironment(
    { workflowExecution: { workflowId: 'loop/demo/round-2/train', runId: 'run' } },
    {
      logger: new DefaultLogger('DEBUG', (line) => lines.push(line)),
      interceptors: [
        (activity) => ({
          inbound: new OpenTelemetryActivityInboundInterceptor(activity),
          outbound: new OpenTelemetryActivityOutboundInterceptor(activity),
        }),
      ],
    },
  );
  const observer = (await environment.run(async () => observeTraining())) as ReturnType<typeof observeTraining>;
  // Outside of the activity's context, as a message from the engine's thread is.
  expect(context.active()).toBe(ROOT_CONTEXT);
  for (let step = 1; step <= 30; step++) observer.step(report(step));
  observer.checkpoint(30);

  const spans = exporter.getFinishedSpans();
  const steps = spans.filter(({ name }) => name === 'training step');
  expect(steps.map(({ attributes }) => attributes)).toEqual(
    [1, 10, 20, 30].map((step) => ({ loop: 'demo', step, loss: 2 / step, tokens: 100 })),
  );
  const activity = spans.find(({ name }) => name.startsWith('RunActivity'))!.spanContext();
  expect(new Set(steps.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([activity.spanId]));
  const told = lines.filter(({ message }) => message === 'step' || message === 'checkpoint');
  expect(told.length).toBe(31);
  for (const { meta } of told) expect(meta).toMatchObject({ trace_id: activity.traceId, step: expect.any(Number) });
});
