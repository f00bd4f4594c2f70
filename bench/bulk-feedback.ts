import type { Client } from '@temporalio/client';
import { stageText } from '../apps/cli/feedback-staging.js';
import { importStaged } from '../apps/cli/loop-client.js';
import type { FeedbackEvent } from '../config/domain.js';
import type { RatchetConfig } from '../config/schema.js';
import type { ImportFeedbackResult } from '../workflows/import-feedback.js';

/** Event `index` of the many that a seed stands for. */
export function bulkEvent(seed: number, index: number): FeedbackEvent {
  const score = (index * 7 + seed) % 101;
  return {
    id: `event-${seed}-${index}`,
    ts: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(),
    input_data: `request ${index}`,
    ai_output: `erDiagram\n  A${index} ||--o{ B : has`,
    artifact_type: 'erd',
    model_used: 'base',
    validation_score: score,
    feedback_type: score >= 70 ? 'SUCCESS' : 'VALIDATION_FAILURE',
    context: {},
  };
}

/** Imports events through the workers, as `ratchet feedback import` does with a file of them. */
export async function importBulk(
  { client, config, dataFolder }: { client: Client; config: RatchetConfig; dataFolder: string },
  loop: string,
  name: string,
  events: readonly FeedbackEvent[],
): Promise<ImportFeedbackResult> {
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  return importStaged(client, config, loop, await stageText(dataFolder, loop, name, text));
}
