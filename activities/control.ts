import { RatchetError } from '../config/errors.js';
import type { EvaluationRow } from '../config/domain.js';
import type { Store } from '../store/store.js';
import type { RecordedAudit } from '../store/types.js';
import type { LoopState, ModelReference } from './loop-state.js';

/** Who steers a loop, and why; `id` makes a repeated request the same entry of the audit trail. */
export interface Steering {
  id: string;
  actor: string;
  reason: string;
}

/** Where a loop is put: back to the state after a round, or on with another model as champion. */
export type Destination = { kind: 'reset'; round: number } | { kind: 'rollback'; model: string };

export interface SteerLoopInput extends Steering {
  loop: string;
  destination: Destination;
  /** The loop's state, and the one it began with. */
  state: LoopState;
  start: LoopState;
  /** The highest number of a round that the loop has begun. */
  begun: number;
}

export interface ControlActivities {
  /** Notes in the audit trail what somebody had a loop do. */
  recordSteering(
    request: Steering & { loop: string; action: string; subject?: string; details?: object },
  ): Promise<void>;
  /** Puts a loop into another state and notes it; rounds that are left behind stay and are marked. Once for an id. */
  steerLoop(request: SteerLoopInput): Promise<LoopState>;
  /** The newest entries of the audit trail, oldest first. */
  readAudit(request: { loop: string; limit: number }): Promise<RecordedAudit[]>;
}

/** The store behind a loop's control. */
export function createControlActivities({ store }: { store: Store }): ControlActivities {
  return {
    recordSteering: ({ loop, action, id, actor, reason, subject, details }) =>
      store.recordAudit({
        key: `loop/${loop}/${action}/${id}`,
        loop,
        actor,
        action,
        subject: subject ?? loop,
        details: { reason, ...details },
      }),

    async steerLoop(request) {
      const { loop, id, destination } = request;
      const steered = await store.applyOnce(`loop/${loop}/steering`, id, async (): Promise<LoopState> => {
        const { kept, state: reached } = await stateAt(store, request);
        const { added, newest } = await store.supersede(loop, { round: kept, begun: request.begun }, id);
        const state: LoopState = {
          ...reached,
          round: newest,
          superseded: (reached.superseded ?? 0) + newest - kept,
          steering: { id, superseded: added },
        };
        const before = await store.moveChampion(loop, state.champion?.id ?? null);
        await store.recordSteeredState(loop, id, state);
        await store.recordAudit({
          key: `loop/${loop}/${destination.kind}/${id}`,
          loop,
          actor: request.actor,
          action: destination.kind,
          subject: destination.kind === 'reset' ? `round ${destination.round}` : destination.model,
          details: { reason: request.reason, superseded: added, before, champion: state.champion?.id ?? null },
        });
        return state;
      });
      // A retry after a lost answer finds its own state; a request that comes again later must not undo what came between.
      const newest = (await store.newestState(loop)) as LoopState;
      if (newest.round === steered.round && newest.steering?.id === id) return steered;
      throw new RatchetError('E_USAGE', 'This request was carried out before.', { hint: 'Give the command anew.' });
    },

    readAudit: ({ loop, limit }) => store.audit(loop, limit),
  };
}

/** The state at a destination, and the last round that counts there. */
async function stateAt(
  store: Store,
  { loop, destination, state, start }: SteerLoopInput,
): Promise<{ kept: number; state: LoopState }> {
  if (destination.kind === 'rollback')
    return { kept: state.round, state: await withChampion(store, loop, state, destination.model) };
  const { round } = destination;
  return { kept: round, state: round === 0 ? start : ((await store.stateAfter(loop, round)) as LoopState) };
}

/** The state with another champion: what was measured of that model comes from the store. */
async function withChampion(store: Store, loop: string, state: LoopState, model: string): Promise<LoopState> {
  const { watch: _watch, validationScores: _scores, ...kept } = state;
  if (model === (state.champion?.id ?? 'base'))
    throw new RatchetError('E_USAGE', `${model} is the champion of the loop ${loop} already.`, {
      hint: 'Name another version; `npx ratchet loop status` lists the rounds that made them.',
    });
  const measured = await store.evaluations(loop);
  const of = (split: EvaluationRow['split']) => {
    const rows = measured.filter((row) => row.model === model && row.split === split);
    return rows.filter((row) => row.round === rows[0]!.round);
  };
  return { ...kept, champion: await versionOf(store, loop, model), test: of('test'), validation: of('validation') };
}

async function versionOf(store: Store, loop: string, model: string): Promise<ModelReference | null> {
  if (model === 'base') return null;
  const versions = await store.modelVersions(loop);
  const found = versions.find((version) => version.id === model);
  if (found !== undefined) return { id: found.id, path: found.path, sha256: found.sha256 };
  const newest = versions.slice(-5).map((version) => version.id);
  throw new RatchetError('E_NOT_FOUND', `The loop ${loop} has no model version ${model}.`, {
    hint: `Take one of ${['base', ...newest].join(', ')}.`,
  });
}
