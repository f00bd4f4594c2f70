import type { CheckpointReference, HostTensor, TrainWarning } from '../api.js';
import { loadNewestCheckpoint, saveCheckpoint } from './checkpoint.js';
import type { TrainStep } from './step.js';

/** Where a run stands; with the tensors of {@link saveRun}, all that is needed to go on. */
export interface RunState {
  specHash: string;
  /** Steps done. The epoch and the place in the data follow from it. */
  step: number;
  /** Optimizer updates done. */
  updates: number;
  /** Loss and scored tokens of every step done. */
  history: { loss: number; tokens: number }[];
  /** Every validation so far. */
  validations: { step: number; loss: number }[];
  best: { step: number; loss: number } | null;
  /** Validations in a row that did not improve on the best. */
  stale: number;
  warnings: TrainWarning[];
  /** What the learning-rate schedule remembers of the losses. */
  schedule: unknown;
}

export const startState = (specHash: string): RunState => ({
  specHash,
  step: 0,
  updates: 0,
  history: [],
  validations: [],
  best: null,
  stale: 0,
  warnings: [],
  schedule: null,
});

/** Copies of the trainable parameters at the best validation. */
export type BestWeights = Map<string, Float32Array>;

const PARAMETER = 'parameter:';
const OPTIMIZER = 'optimizer.';
const BEST = 'best:';

/** Saves everything a run needs to go on with the same bits; marked as the best if its step was validated and is. */
export async function saveRun(
  folder: string,
  state: RunState,
  trainer: TrainStep,
  best: BestWeights | null,
  beforeWrite?: () => Promise<void>,
): Promise<CheckpointReference> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of trainer.trainables()) {
    const save = (prefix: string, data: Float32Array | undefined) => {
      if (data) tensors.set(prefix + name, { dtype: 'float32', shape: tensor.shape, data });
    };
    save(PARAMETER, tensor.data as Float32Array);
    for (const [slot, data] of Object.entries(trainer.optimizer.state.get(name) ?? {}))
      tensors.set(`${OPTIMIZER}${slot}:${name}`, { dtype: 'float32', shape: [data.length], data });
    save(BEST, best?.get(name));
  }
  return saveCheckpoint(
    folder,
    state.step,
    { tensors, state: { ...state, updates: trainer.optimizer.updates } },
    { best: state.best !== null && state.best.step === state.step, ...(beforeWrite && { beforeWrite }) },
  );
}

/** Puts a trainer back to its newest valid checkpoint of this spec; null where there is none. */
export async function resumeRun(
  folder: string,
  specHash: string,
  trainer: TrainStep,
): Promise<{ state: RunState; best: BestWeights | null; checkpoint: CheckpointReference } | null> {
  const loaded = await loadNewestCheckpoint(folder);
  const state = loaded?.state as RunState | undefined;
  if (!loaded || state?.specHash !== specHash) return null;
  const array = (name: string) => loaded.tensors.get(name)?.data as Float32Array | undefined;
  const best: BestWeights = new Map();
  for (const [name, tensor] of trainer.trainables()) {
    const parameter = array(PARAMETER + name);
    if (!parameter) return null;
    (tensor.data as Float32Array).set(parameter);
    const kept = array(BEST + name);
    if (kept) best.set(name, kept);
  }
  restoreOptimizer(trainer, loaded.tensors, state.updates);
  const { step, path, sha256 } = loaded;
  return { state, best: state.best ? best : null, checkpoint: { step, path, sha256 } };
}

/** Puts the optimizer back to what {@link saveRun} kept of it among other tensors. */
export function restoreOptimizer(trainer: TrainStep, tensors: ReadonlyMap<string, HostTensor>, updates: number): void {
  for (const [key, { data }] of tensors) {
    const [, slot, name] = /^optimizer\.(\w+):(.+)$/s.exec(key) ?? [];
    if (slot === undefined || name === undefined) continue;
    const slots = trainer.optimizer.state.get(name) ?? {};
    trainer.optimizer.state.set(name, { ...slots, [slot]: data as Float32Array });
  }
  trainer.optimizer.updates = updates;
}
