import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../config/schema.js';
import type { LoopTrace } from '../../store/trace.js';
import { SMALL_LOOP } from '../../workers/chaos/small-loop.js';
import { connectClient } from '../../workers/connection.js';
import { claimPort } from '../../workers/server/ports.js';
import { up, type Running } from '../../workers/supervisor.js';
import type { RoundTimeline } from '../../workers/trace/read-timeline.js';
import type { runAdaptiveLoop } from '../../workflows/run-adaptive-loop.js';
import { parseExposition, type MetricSample } from './exposition.js';
import { jsonLines, ratchet, ROOT } from './ratchet.js';

const WORKERS = ['store-worker', 'cpu-worker', 'gpu-worker'];

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

/** Takes what an exporter sends as OTLP over HTTP in JSON. */
class Collector {
  readonly spans: Span[] = [];
  readonly services = new Set<unknown>();
  private readonly server: Server;

  constructor() {
    this.server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (request.url === '/v1/traces' && request.headers['content-type'] === 'application/json')
        this.take(JSON.parse(Buffer.concat(chunks).toString()) as never);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }

  listen(): Promise<string> {
    return new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}`),
      );
    });
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  named(name: string): Span[] {
    return this.spans.filter((span) => span.name === name);
  }

  private take({
    resourceSpans,
  }: {
    resourceSpans: { resource: Pick<Span, 'attributes'>; scopeSpans: { spans: Span[] }[] }[];
  }): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      this.services.add(attribute(resource, 'service.name'));
      this.spans.push(...scopeSpans.flatMap(({ spans }) => spans));
    }
  }
}

function attribute({ attributes }: Pick<Span, 'attributes'>, key: string): unknown {
  return Object.values(attributes.find((each) => each.key === key)?.value ?? {})[0];
}

/** Three ports in a row that nobody listens on. */
async function threePorts(): Promise<number> {
  for (;;) {
    const first = await claimPort('127.0.0.1', 0, 'port');
    try {
      for (const next of [first + 1, first + 2]) await claimPort('127.0.0.1', next, 'port');
      return first;
    } catch {
      // One of them is taken.
    }
  }
}

describe('what a loop tells of itself', () => {
  const collector = new Collector();
  const metrics: Record<string, MetricSample[]> = {};
  let dataFolder: string;
  let running: Running;
  let online: Record<string, unknown>;

  beforeAll(async () => {
    dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-observed-'));
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = await collector.listen();
    const config = RatchetConfig.parse({
      ...SMALL_LOOP,
      loop: { ...SMALL_LOOP.loop, rounds: 1 },
      metrics: { port: await threePorts() },
      logging: { level: 'debug' },
    });
    const workers = WORKERS.map((name) => ({ name, script: path.join(ROOT, `dist/workers/${name}.js`) }));
    running = await up({ config, dataFolder, workers });
    const client = await connectClient(config, running.address);
    const { store, cpu, gpu } = config.taskQueues;
    await client.workflow.execute<typeof runAdaptiveLoop>('runAdaptiveLoop', {
      taskQueue: config.taskQueues.loop,
      workflowId: 'loop/demo',
      args: [{ config: config.loop, settings: { queues: { store, cpu, gpu }, heartbeatTimeoutSeconds: 15 } }],
    });
    await client.connection.close();
    for (const [offset, name] of WORKERS.entries()) {
      const response = await fetch(`http://127.0.0.1:${config.metrics.port + offset}/metrics`);
      metrics[name] = parseExposition(await response.text());
    }
    const told = await ratchet(['trace', 'demo', '--json', '--data', dataFolder]);
    online = jsonLines(told.stdout)[0]!;
    await running.stop();
  });
  afterAll(async () => {
    delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
    await running?.stop();
    collector.close();
    rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
  });

  const value = (worker: string, name: string, labels: Record<string, string> = {}) =>
    metrics[worker]!.find(
      (sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    )?.value;

  it('W1: every worker serves its metrics and those of Temporal in the format of Prometheus', () => {
    for (const worker of WORKERS) {
      expect(value(worker, 'ratchet_process_resident_memory_bytes', { worker })).toBeGreaterThan(1e7);
      expect(value(worker, 'temporal_activity_schedule_to_start_latency_seconds_count')).toBeGreaterThan(0);
    }
    expect(value('store-worker', 'ratchet_rounds_total', { loop: 'demo' })).toBe(1);
    expect(value('store-worker', 'ratchet_feedback_events_total', { loop: 'demo', outcome: 'accepted' })).toBe(
      SMALL_LOOP.loop.simulatedUsers.requests,
    );
    expect(value('store-worker', 'ratchet_feedback_events_total', { loop: 'demo', outcome: 'conflict' })).toBe(0);
    expect(value('gpu-worker', 'ratchet_training_loss', { loop: 'demo' })).toBeGreaterThan(0);
    const steps = value('gpu-worker', 'ratchet_training_steps_total', { loop: 'demo' });
    expect(steps).toBeGreaterThan(2);
    expect(value('gpu-worker', 'ratchet_training_step_seconds_count', { loop: 'demo' })).toBe(steps);
    expect(value('gpu-worker', 'ratchet_training_tokens_total', { loop: 'demo' })).toBeGreaterThan(steps!);
  });

  it('W1: the collector gets the spans of the round, its activities and its steps, each under its parent', () => {
    expect([...collector.services]).toEqual(['ratchet']);
    const [round] = collector.named('RunWorkflow:runRound');
    const [asked] = collector.named('StartActivity:trainModel');
    const [trained] = collector.named('RunActivity:trainModel');
    expect(trained?.parentSpanId).toBe(asked?.spanId);
    expect(attribute(trained!, 'temporalWorkflowId')).toBe('loop/demo/round-1/train');
    const steps = collector.named('training step');
    expect(steps.map((span) => attribute(span, 'step'))).toContain(1);
    for (const span of [trained!, ...steps]) {
      expect(span.traceId).toBe(round?.traceId);
      expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano)).toBe(true);
    }
    expect(new Set(steps.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([trained!.spanId]));
  });

  it('W1: every line of an activity in the logs says which loop, round, run and attempt it belongs to', () => {
    const lines = WORKERS.flatMap((name) =>
      jsonLines(readFileSync(path.join(dataFolder, 'logs', `${name}.log`), 'utf8')),
    );
    const ofActivities = lines.filter((line) => 'activityId' in line && 'loop' in line);
    expect(ofActivities.length).toBeGreaterThan(20);
    for (const line of ofActivities) {
      const round = Number(/round-(\d+)/.exec(String(line['workflowId']))?.[1]);
      expect(line).toMatchObject({ loop: 'demo', attempt: 1, activityType: expect.any(String) });
      expect(line['round']).toBe(Number.isNaN(round) ? undefined : round);
      expect(line).not.toHaveProperty('taskToken');
    }
    expect(lines.filter((line) => 'activityId' in line && !('loop' in line))).toEqual([]);
    const trained = ofActivities.filter((line) => line['activityType'] === 'trainModel');
    expect(trained.find((line) => line['msg'] === 'step')).toMatchObject({
      round: 1,
      step: 1,
      loss: expect.any(Number),
      trace_id: collector.named('RunActivity:trainModel')[0]!.traceId,
    });
    expect(trained.find((line) => line['msg'] === 'activity ended')).toMatchObject({
      outcome: 'completed',
      milliseconds: expect.any(Number),
    });
  });

  it('W1: ratchet trace tells the story from the store and from Temporal, and from the store alone', async () => {
    const { rounds, trainings, timelines, missing } = online as unknown as LoopTrace & {
      timelines: RoundTimeline[];
      missing: string[];
    };
    expect(rounds.map(({ round }) => round)).toEqual([0, 1]);
    expect(rounds[1]).toMatchObject({ status: 'completed', labels: expect.any(Number), reason: expect.any(String) });
    expect(trainings[0]!.losses.length).toBe(trainings[0]!.steps);
    expect(missing).toEqual([]);
    const { workflow, stages, time } = timelines[1]!;
    expect(stages.map(({ stage }) => stage)).toEqual([
      'feedback',
      'reward',
      'curriculum',
      'selection',
      'augmentation',
      'batching',
      'tuning',
      'training',
      'tracking',
    ]);
    expect(stages.find(({ stage }) => stage === 'training')!.workers).toContainEqual(
      expect.stringMatching(/^gpu-worker@\d+$/),
    );
    const wall = workflow.endedAt! - workflow.startedAt;
    expect(Object.values(time).reduce((sum, part) => sum + part, 0)).toBeCloseTo(wall, 3);
    expect(time.gpu).toBeGreaterThan(wall / 2);

    const offline = await ratchet(['trace', 'demo/round-1', '--json', '--data', dataFolder]);
    const told = jsonLines(offline.stdout)[0]!;
    expect(told['rounds']).toEqual([rounds[1]]);
    expect(told['timelines']).toEqual([]);
    expect(told['missing']).toEqual([expect.stringContaining('nothing runs on this data folder')]);
    const { code, stderr } = await ratchet(['trace', 'other', '--data', dataFolder]);
    expect({ code, stderr }).toEqual({ code: 6, stderr: expect.stringContaining('The store knows no run "other".') });
  });
});
