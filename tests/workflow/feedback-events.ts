import type { FeedbackEvent } from '../../config/domain.js';
import { annotate, corruptArtifact, generateTasks, simulateFeedback, validateArtifact } from '../../datasets/index.js';
import { stream } from '../../config/random.js';

/** Corrected feedback of users on wrong answers; `scores` are the validator's unless given. */
export function feedbackEvents(loop: string, count: number, purpose: string, score?: number): FeedbackEvent[] {
  const tasks = generateTasks({ seed: 5, purpose, count, distribution: 'target', split: 'pool' });
  return tasks.map(({ id, artifactType, specification }) => {
    const output = corruptArtifact(artifactType, specification, stream(5, 'feedback-events', id), 2);
    const event = simulateFeedback({
      loop,
      round: 1,
      requestId: `${purpose}-${id}`,
      artifactType,
      specification,
      output,
      modelUsed: 'base',
      validationScore: score ?? validateArtifact(artifactType, specification, output).score,
      correctedOutput: annotate({ artifactType, specification }, { seed: 5, wrongRate: 0 }).correctedOutput,
    });
    return event;
  });
}
