import {
  isOutOfMemory,
  isProgrammingError,
  isRatchetError,
  RatchetError,
  type ErrorCode,
} from '../../config/errors.js';
import type { DeviceRequest } from '../devices/index.js';
import type {
  CheckpointReference,
  EmbedSpec,
  EvaluateSpec,
  Evaluation,
  GenerateSpec,
  Generation,
  StepReport,
  TrainResult,
  TrainSpec,
  TrainWarning,
  ValidationReport,
} from '../api.js';

export interface EngineWorkerData {
  /** Null: as many as is best for each kind of job. */
  threads: number | null;
  device: DeviceRequest;
}

/** What a job gives back. */
export type EngineResult = TrainResult | Generation[] | Evaluation | Float32Array[];

/** From the caller's thread to the worker. */
export type EngineRequest =
  /** `guarded`: the caller wants to be asked before anything is written. */
  | { kind: 'train'; id: number; spec: TrainSpec; guarded: boolean }
  | { kind: 'generate'; id: number; spec: GenerateSpec }
  | { kind: 'evaluate'; id: number; spec: EvaluateSpec }
  | { kind: 'embed'; id: number; spec: EmbedSpec }
  /** To `before-write`: null allows it. */
  | { kind: 'answer'; id: number; fault: Fault | null }
  | { kind: 'abort'; id: number }
  | { kind: 'close' };

/** From the worker to the caller's thread. */
export type EngineReply =
  | { kind: 'step'; id: number; report: StepReport }
  | { kind: 'checkpoint'; id: number; checkpoint: CheckpointReference }
  | { kind: 'warning'; id: number; warning: TrainWarning }
  | { kind: 'validation'; id: number; validation: ValidationReport }
  /** The job waits for the answer. */
  | { kind: 'before-write'; id: number }
  | { kind: 'progress'; id: number; done: number; total: number }
  | { kind: 'done'; id: number; value: EngineResult }
  | { kind: 'failed'; id: number; aborted: boolean; fault: Fault };

/** An error in a form that crosses threads. */
export interface Fault {
  message: string;
  stack: string | undefined;
  code?: ErrorCode;
  hint?: string;
  retryable?: boolean;
}

export function toFault(error: unknown): Fault {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  // A smaller minibatch may do.
  if (isOutOfMemory(error)) return { message, stack, code: 'E_OUT_OF_MEMORY' };
  if (!isRatchetError(error)) return { message, stack, retryable: !isProgrammingError(error) };
  return { message, stack, code: error.code, hint: error.hint, retryable: error.retryable };
}

/** The error again; one without a code was not foreseen and becomes `E_INTERNAL`. */
export function fromFault({ message, stack, code = 'E_INTERNAL', hint, retryable }: Fault): RatchetError {
  const error = new RatchetError(code, message, { hint, retryable });
  if (stack !== undefined) error.stack = stack;
  return error;
}
