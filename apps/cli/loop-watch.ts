import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common';
import type { TrainingHeartbeat } from '../../activities/interfaces.js';
import type { RoundResult } from '../../activities/loop-state.js';
import type { EvaluationRow, Stage } from '../../config/domain.js';
import { ERROR_CODES, RatchetError, type ErrorCode } from '../../config/errors.js';
import { preferenceWorkflowId, roundWorkflowId, trainingWorkflowId } from '../../workflows/identifiers.js';
import { progressQuery, statusQuery, type LoopStatus, type RoundProgress } from '../../workflows/messages.js';
import type { LoopResult } from '../../workflows/run-adaptive-loop.js';
import { pause } from './interrupt.js';
import { describeLoop, type LoopHandle } from './loop-client.js';

/** Something long that runs: training steps or generated answers. */
export interface Activity {
  /** '' where the stage says it already. */
  name: string;
  unit: 'step' | 'answers';
  done: number;
  total: number;
  loss: number | null;
  attempt: number;
}

/** What a loop is doing at one moment. */
export interface Snapshot {
  /** Null while the workflow cannot answer yet. */
  status: LoopStatus | null;
  stage: Stage | null;
  activity: Activity | null;
  /** The model that waits for somebody's approval; null while none does. */
  approval: RoundProgress['approval'] | null;
}

export interface Watcher {
  onSnapshot(snapshot: Snapshot): void;
  /** Once, as soon as the base model is measured. */
  onBaseline(baseline: EvaluationRow[], seconds: number | null): void;
  /** Once a round, in order, those before the watch included. */
  onRound(result: RoundResult, seconds: number | null): void;
}

export interface WatchOptions {
  client: Client;
  handle: LoopHandle;
  name: string;
  signal: AbortSignal;
  watcher: Watcher;
  pollMilliseconds?: number;
}

export interface WatchedResult {
  result: LoopResult;
  /** Wall time of the baseline and all rounds. */
  seconds: number;
}

/** Follows a loop to its end; null when the signal is aborted first. Throws the error of a failed round. */
export function watchLoop(options: WatchOptions): Promise<WatchedResult | null> {
  const { signal } = options;
  // A request to a server that is going down may take long to fail; nobody waits for it.
  const aborted = new Promise<null>((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  return Promise.race([follow(options), aborted]);
}

async function follow(options: WatchOptions): Promise<WatchedResult | null> {
  const { client, handle, name, signal, watcher, pollMilliseconds = 300 } = options;
  let told = -1;
  let seconds = 0;
  const tell = async (baseline: EvaluationRow[], results: RoundResult[]) => {
    const time = async (round: number) => {
      const taken = await roundSeconds(client, name, round);
      seconds += taken ?? 0;
      return taken;
    };
    if (told < 0 && baseline.length > 0) {
      watcher.onBaseline(baseline, await time(0));
      told = 0;
    }
    for (const result of results) {
      if (result.round <= told) continue;
      watcher.onRound(result, await time(result.round));
      told = result.round;
    }
  };

  while (!signal.aborted) {
    const run = await attempt(() => describeLoop(handle));
    if (run !== undefined && run?.status.name !== 'RUNNING') {
      if (run?.status.name !== 'COMPLETED') throw ended(name, run?.status.name ?? 'gone');
      const result = await attempt(() => handle.result());
      if (result !== undefined) {
        await tell(result.baseline, result.results);
        return { result, seconds };
      }
    }
    const snapshot = await takeSnapshot(client, handle);
    const { status } = snapshot;
    if (status?.state) await tell(status.state.baseline, status.state.results);
    if (status?.phase === 'failed' && status.error !== null) throw failed(status.error);
    if (!signal.aborted) watcher.onSnapshot(snapshot);
    await pause(pollMilliseconds, signal);
  }
  return null;
}

/** Asks the workflows; a part that cannot answer just now is left out. */
export async function takeSnapshot(client: Client, handle: LoopHandle): Promise<Snapshot> {
  const status = (await attempt(() => handle.query(statusQuery))) ?? null;
  if (status === null || !['running', 'baseline'].includes(status.phase))
    return { status, stage: null, activity: null, approval: null };
  const round = client.workflow.getHandle(roundWorkflowId(status.name, status.round));
  const progress = await attempt(() => round.query(progressQuery));
  const stage = progress?.stage ?? null;
  const children = stage === 'training' ? [trainingWorkflowId, preferenceWorkflowId] : [];
  let activity: Activity | null = null;
  for (const workflowId of [...children, roundWorkflowId])
    activity ??= await pendingActivity(client, workflowId(status.name, status.round));
  return { status, stage, activity, approval: progress?.approval ?? null };
}

const NAMES: Record<string, Pick<Activity, 'name' | 'unit'>> = {
  trainModel: { name: '', unit: 'step' },
  answerRequests: { name: 'answering requests', unit: 'answers' },
  sampleAnswers: { name: 'answering requests again', unit: 'answers' },
  evaluateModel: { name: 'evaluating', unit: 'answers' },
};

async function pendingActivity(client: Client, workflowId: string): Promise<Activity | null> {
  const description = await attempt(() => client.workflow.getHandle(workflowId).describe());
  const pending = description?.raw.pendingActivities?.[0];
  const known = NAMES[pending?.activityType?.name ?? ''];
  if (pending == null || known === undefined) return null;
  const payloads = await decode(client.options.loadedDataConverter.payloadCodecs, pending.heartbeatDetails?.payloads);
  const [payload] = payloads;
  const details =
    payload === undefined ? {} : defaultPayloadConverter.fromPayload<Partial<TrainingHeartbeat & Generated>>(payload);
  const { step, totalSteps, loss, done, total } = details ?? {};
  return {
    ...known,
    done: step ?? done ?? 0,
    total: totalSteps ?? total ?? 0,
    loss: typeof loss === 'number' && Number.isFinite(loss) ? loss : null,
    attempt: pending.attempt ?? 1,
  };
}

/** What a worker that encrypts has sent, readable. */
async function decode(codecs: readonly PayloadCodec[], payloads: Payload[] | null | undefined): Promise<Payload[]> {
  let decoded = payloads ?? [];
  for (const codec of codecs) decoded = await codec.decode(decoded);
  return decoded;
}

/** Heartbeat of answering and evaluating. */
interface Generated {
  done: number;
  total: number;
}

async function roundSeconds(client: Client, name: string, round: number): Promise<number | null> {
  const description = await attempt(() => client.workflow.getHandle(roundWorkflowId(name, round)).describe());
  if (description?.closeTime === undefined) return null;
  return (description.closeTime.getTime() - description.startTime.getTime()) / 1000;
}

/** Servers and workers may just be starting again; the next poll asks once more. */
async function attempt<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch {
    return undefined;
  }
}

function failed({ code, message, hint }: NonNullable<LoopStatus['error']>): RatchetError {
  return new RatchetError(code in ERROR_CODES ? (code as ErrorCode) : 'E_INTERNAL', message, {
    hint: `${hint ?? 'The logs in the data folder say more.'} The round is kept; give the command again to try it once more.`,
  });
}

function ended(name: string, status: string): RatchetError {
  return new RatchetError('E_INTERNAL', `The loop "${name}" did not finish: its workflow is ${status.toLowerCase()}.`, {
    hint: 'Give the command again: it goes on from the last finished round.',
  });
}
