import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, type WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { ApplicationFailure as Failure } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoopConfig } from '../../config/loop.js';
import { encryptedWorker, KEYS_VARIABLE, PayloadEncryption } from '../../workers/payload-encryption.js';
import { setComponentsUpdate, statusQuery, stopSignal } from '../../workflows/messages.js';
import { startEnvironment, until, workflowBundle } from './environment.js';
import { MemoryLoop } from './memory-activities.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

const failures = fileURLToPath(new URL('../../dist/workers/encoding-failures.js', import.meta.url));
const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const encryption = (...keys: string[]) => PayloadEncryption.fromEnvironment({ [KEYS_VARIABLE]: keys.join(',') });

/** A loop's workers, and a client, which all encrypt; `body` gets the client. */
async function withEncryptedLoop(
  id: string,
  codec: PayloadEncryption,
  memory: MemoryLoop,
  body: (client: Client, start: (given: object) => ReturnType<typeof startLoop>) => Promise<void>,
): Promise<void> {
  const { connection, nativeConnection, namespace } = environment;
  const client = new Client({ connection, namespace, dataConverter: { payloadCodecs: [codec] } });
  const queues = { store: `store-${id}`, cpu: `cpu-${id}`, gpu: `gpu-${id}` };
  const create = (taskQueue: string, options: object) =>
    Worker.create({
      connection: nativeConnection,
      namespace,
      taskQueue,
      ...encryptedWorker(codec, options, failures),
    });
  const workers = await Promise.all([
    create(`loop-${id}`, { workflowBundle }),
    ...Object.values(queues).map((queue) => create(queue, { activities: memory.activities() })),
  ]);
  const running = workers.map((worker) => worker.run());
  try {
    await body(client, (given) => startLoop(client, id, queues, given));
  } finally {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  }
}

function startLoop(client: Client, id: string, queues: { store: string; cpu: string; gpu: string }, given: object) {
  return client.workflow.start('runAdaptiveLoop', {
    workflowId: `loop/${id}`,
    taskQueue: `loop-${id}`,
    memo: { configHash: 'planted-memo' },
    args: [{ config: LoopConfig.parse({ name: id, ...given }), settings: { queues, heartbeatTimeoutSeconds: 5 } }],
  });
}

/** Every text of what the server keeps of a workflow and its children, as it keeps it. */
async function storedTexts(id: string): Promise<string> {
  const texts: string[] = [];
  const { workflowService } = environment.connection;
  const namespace = 'default';
  // A client would open memos, for which it has no key.
  const { executions } = await workflowService.listWorkflowExecutions({ namespace });
  for (const { execution } of executions) {
    const { workflowId, runId } = execution!;
    if (!workflowId!.startsWith(`loop/${id}`)) continue;
    texts.push(textOf(await environment.client.workflow.getHandle(workflowId!, runId!).fetchHistory()));
    texts.push(textOf(await workflowService.describeWorkflowExecution({ namespace, execution: execution! })));
  }
  expect(texts.length).toBeGreaterThan(0);
  return texts.join('\n');
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value === 'object' && value !== null) return Object.values(value).map(textOf).join('\n');
  return String(value);
}

const rootOf = (error: unknown): unknown => {
  let cause = (error as WorkflowFailedError).cause as unknown;
  while (cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) cause = cause.cause;
  return cause;
};

describe('a loop whose payloads are encrypted', () => {
  it('runs, and the server keeps nothing of what it is about: arguments, results, heartbeats, memos, updates', async () => {
    const planted = 'models/planted-model';
    const memory = new MemoryLoop();
    await withEncryptedLoop('sealed', encryption(key('k1')), memory, async (client, start) => {
      const handle = await start({ model: planted, rounds: 1, simulatedUsers: { requests: 24 } });
      expect(await handle.result()).toMatchObject({ rounds: 1 });
      expect((await handle.describe()).memo).toEqual({ configHash: 'planted-memo' });
      expect(memory.called('trainModel')[0]!.input).toMatchObject({ config: { model: planted } });
      const stored = await storedTexts('sealed');
      expect(stored).not.toMatch(/planted|sealed-round-1|better on validation|learningRate/);
      // What the search would find: names of workflows and activities are not encrypted.
      expect(stored).toContain('trainModel');
      expect(await client.workflow.getHandle('loop/sealed').query(statusQuery)).toMatchObject({ phase: 'finished' });
    });
  });

  it('keeps what fails to itself: messages, hints and stacks of activities, and refusals of workflows', async () => {
    const memory = new MemoryLoop({
      before({ name }) {
        if (name !== 'startRound') return;
        throw Failure.create({ message: 'planted-message', type: 'E_USAGE', nonRetryable: true, details: ['planted'] });
      },
    });
    await withEncryptedLoop('failing', encryption(key('k1')), memory, async (_client, start) => {
      const handle = await start({});
      const failed = async () => (await handle.query(statusQuery)).phase === 'failed';
      await until('the loop has failed', failed);
      expect((await handle.query(statusQuery)).error).toMatchObject({ code: 'E_USAGE', message: 'planted-message' });
      const wrong = { components: { plantedSwitch: true } as never, actor: 'planted-actor', reason: '' };
      const refused = await handle
        .executeUpdate(setComponentsUpdate, { args: [wrong] })
        .catch((error: unknown) => error);
      expect(rootOf(refused)).toBeInstanceOf(ApplicationFailure);
      expect((rootOf(refused) as Error).message).toBe('plantedSwitch is not a component with on and off');
      const child = environment.client.workflow.getHandle('loop/failing/round-0');
      await expect(child.result()).rejects.toThrow('Unknown encoding: binary/encrypted');
      await handle.signal(stopSignal);
      await handle.result();
      const stored = await storedTexts('failing');
      expect(stored).toContain('Encoded failure');
      expect(stored).not.toMatch(/planted/);
    });
  });

  it('goes on with a new key in front of the old one, and says which key is missing', async () => {
    const [old, fresh] = [key('old'), key('new')];
    const given = { minFeedback: 100 };
    await withEncryptedLoop('rotated', encryption(old), new MemoryLoop(), async (_client, start) => {
      const handle = await start(given);
      await until('it waits', async () => (await handle.query(statusQuery)).phase === 'waiting');
    });
    const { connection, namespace } = environment;
    const stranger = new Client({ connection, namespace, dataConverter: { payloadCodecs: [encryption(fresh)] } });
    await expect(stranger.workflow.getHandle('loop/rotated').describe()).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: 'A payload was encrypted with the key old, which is not there.',
    });
    await withEncryptedLoop('rotated', encryption(fresh), new MemoryLoop(), async (client) => {
      await client.workflow.getHandle('loop/rotated').signal(stopSignal);
      const failure = async () => {
        const { events } = await environment.client.workflow.getHandle('loop/rotated').fetchHistory();
        return events?.findLast((event) => event.workflowTaskFailedEventAttributes != null);
      };
      await until('a worker without the key has failed a task', async () => (await failure()) !== undefined);
    });
    await withEncryptedLoop('rotated', encryption(fresh, old), new MemoryLoop(), async (client) => {
      await client.workflow.getHandle('loop/rotated').result();
      expect(await storedTexts('rotated')).toMatch(/new/);
    });
  });
});
