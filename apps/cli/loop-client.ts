import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import { RatchetError } from '../../config/errors.js';
import { configHash } from '../../config/hash.js';
import type { LoopConfig } from '../../config/loop.js';
import type { RatchetConfig } from '../../config/schema.js';
import { connectClient } from '../../workers/connection.js';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from '../../workers/lock.js';
import { storeOwner, withStoreFile, type StoreReader } from '../../workers/read-store.js';
import { configuredAddress } from '../../workers/server/locate.js';
import { importWorkflowId, loopWorkflowId } from '../../workflows/identifiers.js';
import type { importFeedback, ImportFeedbackResult } from '../../workflows/import-feedback.js';
import type { WorkflowSettings } from '../../workflows/proxies.js';
import type { runAdaptiveLoop } from '../../workflows/run-adaptive-loop.js';
import type { StagedImport } from './feedback-staging.js';

export type LoopHandle = WorkflowHandle<typeof runAdaptiveLoop>;

/** What workflows are told of this installation. */
export function workflowSettings(config: RatchetConfig): WorkflowSettings {
  const { store, cpu, gpu } = config.taskQueues;
  return { queues: { store, cpu, gpu }, heartbeatTimeoutSeconds: config.workers.heartbeatTimeoutSeconds };
}

/** The loop's place among others on busy workers; its rounds, trainings and activities inherit it. */
export function loopPriority({ sharing, loop }: Pick<RatchetConfig, 'sharing' | 'loop'>): Priority {
  return {
    priorityKey: sharing.priority,
    fairnessKey: sharing.tenant || loop.name,
    fairnessWeight: sharing.weight,
  };
}

/** Whether an installation runs on the data folder, or a service is configured. */
export const isRunning = (config: RatchetConfig, dataFolder: string): boolean =>
  lockHolder(supervisorLockFile(dataFolder)) !== null || configuredAddress(config.connection.address) !== null;

/** A client of the running installation: that of the data folder's supervisor, or the configured service. */
async function connectRunning(
  config: RatchetConfig,
  dataFolder: string,
): Promise<{ client: Client; uiUrl: string | null }> {
  const holder = lockHolder<SupervisorHolder>(supervisorLockFile(dataFolder));
  const address = holder?.ready ? holder.address : configuredAddress(config.connection.address);
  if (address === null || address === '') {
    throw new RatchetError('E_SERVER_UNAVAILABLE', `Nothing runs on the data folder ${dataFolder}.`, {
      hint: 'Start it in another terminal with `npx ratchet up`, then give this command again.',
    });
  }
  return { client: await connectClient(config, address), uiUrl: holder?.uiUrl ?? null };
}

/** Works with a client of the running installation, and closes it. */
export async function withRunning<T>(
  config: RatchetConfig,
  dataFolder: string,
  work: (running: { client: Client; uiUrl: string | null }) => Promise<T>,
): Promise<T> {
  const running = await connectRunning(config, dataFolder);
  try {
    return await work(running);
  } finally {
    await running.client.connection.close();
  }
}

/** Looks into the store: through its owner where an installation runs (then with a client), in its file where none does. */
export async function withStore<T>(
  config: RatchetConfig,
  dataFolder: string,
  look: (store: StoreReader, client: Client | null) => Promise<T>,
): Promise<T> {
  if (!isRunning(config, dataFolder))
    return await withStoreFile(dataFolder, { readOnly: true }, (store) => look(store, null));
  return await withRunning(config, dataFolder, ({ client }) =>
    look(storeOwner(client, config.taskQueues.loop, workflowSettings(config)), client),
  );
}

export interface LoopStart {
  handle: LoopHandle;
  /** `joined`: it was running; `finished`: it had ended; `started`: it starts now. */
  how: 'started' | 'joined' | 'finished';
  /** True when the running or finished loop was started with another configuration than the one asked for. */
  otherConfig: boolean;
}

/**
 * Starts the loop, or finds the one that is there: a loop's name is its workflow's id. A loop that was terminated or
 * failed starts again and goes on from the store; with `again` one that finished does so too (it may have more rounds to
 * play now). `fresh` ends what runs and starts anew.
 */
export async function startOrJoinLoop(
  client: Client,
  config: RatchetConfig,
  options: { fresh?: boolean; again?: boolean } = {},
): Promise<LoopStart> {
  const loop: LoopConfig = config.loop;
  const hash = configHash(loop);
  const workflowId = loopWorkflowId(loop.name);
  const handle = client.workflow.getHandle<typeof runAdaptiveLoop>(workflowId);
  const found = await describeLoop(handle);
  const how = found?.status.name === 'RUNNING' ? 'joined' : found?.status.name === 'COMPLETED' ? 'finished' : 'started';
  if (found !== null && !options.fresh && (how === 'joined' || (how === 'finished' && !options.again))) {
    return { handle, how, otherConfig: found.memo?.configHash !== hash };
  }
  await client.workflow.start<typeof runAdaptiveLoop>('runAdaptiveLoop', {
    taskQueue: config.taskQueues.loop,
    workflowId,
    args: [{ config: loop, settings: workflowSettings(config) }],
    priority: loopPriority(config),
    memo: { configHash: hash },
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: options.fresh ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
  });
  return { handle, how: 'started', otherConfig: false };
}

/** Imports a staged file through the workers; an import of the same file that runs already is joined. */
export function importStaged(
  client: Client,
  config: RatchetConfig,
  loop: string,
  { uri, sha256 }: StagedImport,
): Promise<ImportFeedbackResult> {
  return client.workflow.execute<typeof importFeedback>('importFeedback', {
    taskQueue: config.taskQueues.loop,
    workflowId: importWorkflowId(loop, sha256),
    args: [{ loop, uri, settings: workflowSettings(config) }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
}

/** The newest run of the loop; null when there is none. */
export async function describeLoop(handle: LoopHandle): Promise<Awaited<ReturnType<LoopHandle['describe']>> | null> {
  try {
    return await handle.describe();
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** The handle of a loop that runs. Throws E_NOT_FOUND. */
export async function runningLoop(client: Client, name: string): Promise<LoopHandle> {
  const handle = client.workflow.getHandle<typeof runAdaptiveLoop>(loopWorkflowId(name));
  const found = await describeLoop(handle);
  if (found?.status.name === 'RUNNING') return handle;
  const message =
    found === null
      ? `There is no loop "${name}".`
      : `The loop "${name}" does not run; it is ${found.status.name.toLowerCase()}.`;
  throw new RatchetError('E_NOT_FOUND', message, { hint: `Start it with \`npx ratchet loop start --name ${name}\`.` });
}

export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === 'WorkflowNotFoundError';
}
