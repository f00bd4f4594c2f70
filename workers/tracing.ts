import { setTimeout } from 'node:timers/promises';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { OpenTelemetryPlugin } from '@temporalio/interceptors-opentelemetry';

export interface Tracing {
  /** Makes spans of workflows and activities, and carries their context from one to the other. */
  plugin: OpenTelemetryPlugin;
  /** Sends what is left. */
  close(): Promise<void>;
}

const CLOSE_MILLISECONDS = 2_000;

/**
 * Sends this process's spans as OTLP over HTTP (JSON) to the collector that the variables name. Sampling, batching, headers
 * and time-outs follow OpenTelemetry's other variables, such as `OTEL_TRACES_SAMPLER`.
 */
export function startTracing(name: string): Tracing {
  const resource = new Resource({
    'service.name': process.env['OTEL_SERVICE_NAME'] || 'ratchet',
    'service.instance.id': `${name}@${process.pid}`,
  });
  const spanProcessor = new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new BasicTracerProvider({ resource, spanProcessors: [spanProcessor] });
  provider.register({ contextManager: new AsyncLocalStorageContextManager().enable() });
  return {
    plugin: new OpenTelemetryPlugin({ resource, spanProcessor }),
    // A collector that is gone must not hold up the end of a worker.
    close: () => Promise.race([provider.shutdown(), setTimeout(CLOSE_MILLISECONDS)]),
  };
}
