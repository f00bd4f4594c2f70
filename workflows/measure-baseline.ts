import { setHandler } from '@temporalio/workflow';
import type { ModelReference } from '../activities/interfaces.js';
import type { EvaluationRow } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
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
}

/** Round 0 of a loop: evaluates the base model before anything is trained. */
export async function measureBaseline({ config, settings }: MeasureBaselineInput): Promise<Evaluations> {
  setHandler(progressQuery, () => ({ round: 0, stage: 'tracking', feedbackEvents: 0, labels: 0 }));
  const { store, gpu } = connectActivities(settings);
  const key = { loop: config.name, round: 0 };
  const model: ModelReference | null = null;
  await store.startRound({ key, config, feedbackCursor: 0 });
  const validation = await gpu.evaluateModel({ key, config, model, split: 'validation' });
  const test = await gpu.evaluateModel({ key, config, model, split: 'test' });
  await store.recordEvaluations({ key, rows: [...validation.rows, ...test.rows] });
  return { test: test.rows, validation: validation.rows };
}
