import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  continueAsNew,
  currentUpdateInfo,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Steering } from '../activities/control.js';
import type { LoopState, RoundResult } from '../activities/loop-state.js';
import type { EvaluationRow } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { completeConfig } from './complete-config.js';
import { DueChecks, ENDED } from './due-checks.js';
import { describeFailure } from './failure.js';
import { roundWorkflowId } from './identifiers.js';
import { measureBaseline, type Evaluations } from './measure-baseline.js';
import {
  configureSignal,
  feedbackArrivedSignal,
  pauseSignal,
  resumeSignal,
  roundDueSignal,
  setComponentsUpdate,
  startRoundUpdate,
  statusQuery,
  steerUpdate,
  stopSignal,
  type ComponentsRequest,
  type LoopError,
  type LoopStatus,
  type RoundDue,
} from './messages.js';
import { connectActivities, connectControl, type WorkflowSettings } from './proxies.js';
import { runRound, type RoundOutcome } from './run-round.js';
import { OVERTAKEN, requireDestination, SteeringWheel } from './steering.js';

export interface RunAdaptiveLoopInput {
  config: LoopConfig;
  settings: WorkflowSettings;
  /** Set when the loop continues as new; a fresh start reads its state from the store. */
  carried?: {
    state: LoopState;
    paused: boolean;
    stopping: boolean;
    requested: boolean;
    due?: RoundDue[];
    /** Why the next round has failed; absent when it has not. */
    failure?: LoopError;
  };
}

export interface LoopResult {
  rounds: number;
  labels: number;
  baseline: EvaluationRow[];
  final: EvaluationRow[];
  adapterSha256: string | null;
  results: RoundResult[];
}

/** A look at the store even if no signal came: a lost signal costs at most this long. */
const SAFETY_NET = '10 min';
const RESULTS_KEPT = 50;
const CHILD_OPTIONS = {
  cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
} as const;

/**
 * The loop itself, one long-lived workflow `loop/<name>`: waits for enough feedback (or has simulated users make it),
 * runs one round as a child, continues as new. A failed round pauses the loop instead of ending it: its cause is in the
 * status, and a resume signal tries the round again.
 */
export async function runAdaptiveLoop(input: RunAdaptiveLoopInput): Promise<LoopResult> {
  const checks = new DueChecks(input.carried?.due);
  try {
    return await playRounds(input, checks);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => checks.close());
    throw error;
  }
}

async function playRounds(input: RunAdaptiveLoopInput, checks: DueChecks): Promise<LoopResult> {
  const { settings, carried } = input;
  let config = completeConfig(input.config);
  const { store } = connectActivities(settings);
  let state: LoopState | null = carried?.state ?? null;
  let paused = carried?.paused ?? false;
  let stopping = carried?.stopping ?? false;
  let requested = carried?.requested ?? false;
  let arrived = false;
  const status: Pick<LoopStatus, 'phase' | 'pending' | 'error'> = { phase: 'baseline', pending: 0, error: null };

  setHandler(feedbackArrivedSignal, () => void (arrived = true));
  const { recordSteering, steerLoop } = connectControl(settings);
  /** What somebody asks for takes effect at once; an audit trail that cannot be written must not end the loop. */
  const audited = (action: string, effect: () => void) => async (by?: Steering & { now?: boolean }) => {
    effect();
    if (by === undefined) return;
    const { now, ...who } = by;
    const entry = { ...who, loop: config.name, action, ...(now === true && { details: { now } }) };
    await CancellationScope.nonCancellable(() => recordSteering(entry)).catch(() => undefined);
  };
  setHandler(
    pauseSignal,
    audited('pause', () => (paused = true)),
  );
  setHandler(
    resumeSignal,
    audited('resume', () => {
      paused = false;
      status.error = null;
    }),
  );
  setHandler(configureSignal, (changed) => void (config = completeConfig({ ...changed, name: config.name })));
  setHandler(
    stopSignal,
    audited('stop', () => (stopping = true)),
  );
  setHandler(roundDueSignal, (check) => checks.add(check));
  const nextRound = () => (state?.round ?? 0) + (status.phase === 'running' ? 2 : 1);
  setHandler(startRoundUpdate, () => {
    requested = true;
    return nextRound();
  });
  setHandler(
    setComponentsUpdate,
    async ({ components, actor, reason }) => {
      const fromRound = nextRound();
      config = { ...config, components: { ...config.components, ...components } };
      const key = `loop/${config.name}/components/${currentUpdateInfo()!.id}`;
      await store.recordComponents({ loop: config.name, key, components, actor, reason, fromRound });
      return fromRound;
    },
    { validator: ({ components }) => requireComponents(components, config.components) },
  );
  const wheel = new SteeringWheel();
  setHandler(
    steerUpdate,
    (request) =>
      wheel.turn(
        request,
        () => state!,
        (from) => {
          const [loop, start] = [config.name, startOf(from, config)];
          return steerLoop({ ...request, loop, state: from, start, begun: nextRound() - 1 });
        },
      ),
    { validator: (request) => requireDestination(request, { state, ended: stopping || status.phase === 'finished' }) },
  );
  setHandler(statusQuery, (): LoopStatus => ({
    name: config.name,
    round: status.phase === 'baseline' ? 0 : (state?.round ?? 0) + 1,
    rounds: config.rounds > 0 ? config.rounds + (state?.superseded ?? 0) : 0,
    stopping,
    minFeedback: config.minFeedback,
    components: config.components,
    state,
    ...status,
  }));

  /** Runs what may fail for good; true when it went through, false when the loop was stopped instead. */
  async function attempt(work: () => Promise<void>): Promise<boolean> {
    const phase = status.phase;
    for (;;) {
      try {
        status.phase = phase;
        await work();
        return true;
      } catch (error) {
        if (isCancellation(error)) throw error;
        await standFailed(describeFailure(error), phase === 'running');
        if (stopping) return false;
        if (wheel.isTurning) return true;
      }
    }
  }

  /** Waits with a failure for a resume signal, the end, or a request that puts the loop into another state. */
  async function standFailed(failure: LoopError, inRound: boolean): Promise<void> {
    status.error = failure;
    status.phase = 'failed';
    const isOver = () => status.error === null || stopping || wheel.isTurning;
    do {
      if (inRound) await waitUntil(isOver);
      else await condition(isOver);
      await wheel.settled();
      // A request that was refused has mended nothing.
    } while (!isOver() && patched('a-failed-loop-stays-failed'));
    if (wheel.isTurning) status.error = null;
  }

  /** Waits however many signals come meanwhile: a run takes 10,000, then it refuses even those that would end the wait. */
  async function waitUntil(isOver: () => boolean): Promise<void> {
    await condition(() => isOver() || (workflowInfo().continueAsNewSuggested && allHandlersFinished()));
    if (isOver()) return;
    if (patched('a-wait-continues-as-new')) await startOver();
    await condition(isOver);
  }

  if (state === null) {
    const started = await attempt(async () => {
      state = (await store.loopState({ loop: config.name })) ?? (await begin(config, settings));
    });
    if (!started) {
      await checks.close();
      return summary(null);
    }
  }
  let current = state as unknown as LoopState;
  const isFinished = () =>
    stopping || (config.rounds > 0 && current.round - (current.superseded ?? 0) >= config.rounds);

  if (carried?.failure !== undefined) {
    await standFailed(carried.failure, true);
    requested ||= !wheel.isTurning;
  }
  for (;;) {
    await wheel.settled();
    state = current = wheel.take(current);
    if (isFinished()) break;
    if (paused) {
      status.phase = 'paused';
      await waitUntil(() => !paused || stopping || wheel.isTurning);
      continue;
    }
    if (!requested && config.simulatedUsers === undefined) {
      status.phase = 'waiting';
      arrived = false;
      const asking = checks.waiting;
      const counted = await attempt(async () => {
        status.pending = await store.countPending({ loop: config.name, after: current.cursor });
      });
      if (!counted) break;
      if (wheel.isTurning) continue;
      if (status.pending < Math.min(config.minFeedback, ...asking.map((check) => check.minFeedback))) {
        await checks.answer(asking, `${status.pending} new events are too few`);
        await condition(
          () => arrived || requested || paused || stopping || checks.waiting.length > 0 || wheel.isTurning,
          SAFETY_NET,
        );
        if (workflowInfo().continueAsNewSuggested) await startOver();
        continue;
      }
    }
    status.phase = 'running';
    requested = false;
    const round = current.round + 1;
    const served = checks.waiting;
    const done = await attempt(async () => {
      const outcome = await wheel.play(() =>
        executeChild(runRound, {
          ...CHILD_OPTIONS,
          workflowId: roundWorkflowId(config.name, round),
          args: [{ round, config, settings, state: withoutResults(current) }],
        }),
      );
      if (outcome === OVERTAKEN) return;
      const next = advance(current, outcome);
      await store.finishRound({ key: { loop: config.name, round }, result: outcome.result, state: next });
      state = current = next;
    });
    if (!done) break;
    await checks.answer(served, `round ${round} is ${current.round === round ? 'done' : 'given up'}`);
    if (!isFinished()) await startOver();
  }
  status.phase = 'finished';
  await checks.answer(checks.waiting, ENDED);
  await checks.close();
  return summary(current);

  async function startOver(): Promise<never> {
    await condition(allHandlersFinished);
    return await continueAsNew<typeof runAdaptiveLoop>({
      config,
      settings,
      carried: {
        state: wheel.take(current),
        paused,
        stopping,
        requested,
        due: checks.waiting,
        ...(status.phase === 'failed' && status.error !== null && { failure: status.error }),
      },
    });
  }
}

/** The state that a loop begins with, for one that goes back to it: what else was measured of the base model is again. */
function startOf({ baseline }: LoopState, config: LoopConfig): LoopState {
  return startingState(config, { test: baseline, validation: [] });
}

/** Measures the base model and makes the state that the first round starts from. */
async function begin(config: LoopConfig, settings: WorkflowSettings): Promise<LoopState> {
  const measured = await executeChild(measureBaseline, {
    ...CHILD_OPTIONS,
    workflowId: roundWorkflowId(config.name, 0),
    args: [{ config, settings }],
  });
  return startingState(config, measured);
}

function startingState(config: LoopConfig, { test, validation, validationScores }: Evaluations): LoopState {
  return {
    round: 0,
    cursor: 0,
    curriculum: { stage: config.components.curriculum ? 'easy' : 'mixed', streak: 0, history: [] },
    champion: null,
    labels: 0,
    baseline: test,
    test,
    validation,
    ...(validationScores !== undefined && { validationScores }),
    results: [],
  };
}

function advance(state: LoopState, outcome: RoundOutcome): LoopState {
  const { result, ...changed } = outcome;
  // What a round leaves out of these is gone: a result that crosses processes cannot say so.
  const { watch: _watch, validationScores: _scores, fallback: _fallback, ...kept } = state;
  return {
    ...kept,
    ...changed,
    round: result.round,
    labels: result.labels,
    results: [...state.results, result].slice(-RESULTS_KEPT),
  };
}

/** A round needs no history of results; its input stays small. */
function withoutResults(state: LoopState): LoopState {
  return { ...state, results: [] };
}

/** Refuses what is no switch, or no truth value, before anything is changed. */
function requireComponents(given: ComponentsRequest['components'], known: LoopConfig['components']): void {
  const names = Object.keys(given);
  const wrong = names.find((name) => !(name in known) || typeof given[name as keyof typeof given] !== 'boolean');
  if (wrong === undefined && names.length > 0) return;
  const message = wrong === undefined ? 'no component is named' : `${wrong} is not a component with on and off`;
  throw ApplicationFailure.nonRetryable(message, 'E_USAGE', {
    hint: `Components are ${Object.keys(known).join(', ')}.`,
  });
}

function summary(state: LoopState | null): LoopResult {
  return {
    rounds: state?.round ?? 0,
    labels: state?.labels ?? 0,
    baseline: state?.baseline ?? [],
    final: state?.test ?? [],
    adapterSha256: state?.champion?.sha256 ?? null,
    results: state?.results ?? [],
  };
}
