import { LoopConfig } from '../../../config/loop.js';
import type { LoopState, RoundResult } from '../../../activities/loop-state.js';
import type { EvaluationRow } from '../../../config/domain.js';
import type { LoopStatus } from '../../../workflows/messages.js';

/** An evaluation row with round numbers. */
export function evaluation(
  artifactType: EvaluationRow['artifactType'],
  score: number,
  changes: Partial<EvaluationRow> = {},
): EvaluationRow {
  return {
    id: `demo-${artifactType}`,
    loop: 'demo',
    round: 0,
    model: 'base',
    split: 'test',
    artifactType,
    n: 80,
    score,
    successRate: score / 200,
    edgeScore: score / 2,
    edgeSuccessRate: 0,
    meanReward: 0,
    latencyMs: 1,
    ...changes,
  };
}

export function round(number: number, changes: Partial<RoundResult> = {}): RoundResult {
  return {
    round: number,
    stage: 'easy',
    feedbackEvents: 320,
    labels: 112 * number,
    trained: true,
    promoted: true,
    reason: 'validation score 40.0 → 50.0',
    steps: 60,
    loss: 0.4321,
    validationLoss: 0.5,
    before: { score: 40, successRate: 0.2, edgeScore: 10 },
    after: { score: 50.25, successRate: 0.3125, edgeScore: 22 },
    model: { id: `demo-round-${number}`, path: `loops/demo/round-${number}/models/m`, sha256: 'ab'.repeat(32) },
    ...changes,
  };
}

export function status(changes: Partial<LoopStatus> = {}): LoopStatus {
  return {
    name: 'demo',
    phase: 'running',
    round: 2,
    rounds: 5,
    stopping: false,
    pending: 3,
    minFeedback: 20,
    components: LoopConfig.parse({}).components,
    error: null,
    state: null,
    ...changes,
  };
}

export function state(changes: Partial<LoopState> = {}): LoopState {
  return {
    round: 1,
    cursor: 320,
    curriculum: { stage: 'easy', streak: 0, history: [] },
    champion: null,
    labels: 112,
    baseline: [evaluation('all', 40)],
    test: [evaluation('all', 50)],
    validation: [evaluation('all', 50)],
    results: [round(1)],
    ...changes,
  };
}
