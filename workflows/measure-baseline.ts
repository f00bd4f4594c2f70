import { setHandler } from '@temporalio/workflow';
import type { ModelReference } from '../activities/loop-state.js';
import type { ArtifactRef, EvaluationRow } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { completeConfig } from './complete-config.js';
import { progressQuery } from './messages.js';
import { connectActivities, type WorkflowSettings } from './proxies.js';

export interface MeasureBaselineInput {
  config: LoopConfig;
  settings: WorkflowSettings;
}

/** Evaluations of one model on both held-out splits. */
export interface Evaluations {
  test: EvaluationRow[];
  validation: EvaluationRow[];
  /** Score of each validation request. */
  validationScores?: ArtifactRef;
}

/** Round 0 of a loop: evaluates the base model before anything is trained. */
export async function measureBaseline({ config: given, settings }: MeasureBaselineInput): Promise<Evaluations> {
  const config = completeConfig(given);
  setHandler(progressQuery, () => ({ round: 0, stage: 'tracking', feedbackEvents: 0, labels: 0 }));
  const { store, gpu } = connectActivities(settings);
  const key = { loop: config.name, round: 0 };
  const model: ModelReference | null = null;
  await store.startRound({ key, config, feedbackCursor: 0 });
  const validation = config.components.tracking
    ? await gpu.evaluateModel({ key, config, model, split: 'validation' })
    : { rows: [] };
  const test = await gpu.evaluateModel({ key, config, model, split: 'test' });
  await store.recordEvaluations({ key, rows: [...validation.rows, ...test.rows] });
  return {
    test: test.rows,
    validation: validation.rows,
    ...(validation.scoresRef !== undefined && { validationScores: validation.scoresRef }),
  };
}
