import type { FeedbackEvent } from '../config/domain.js';
import { stream } from '../config/random.js';
import { annotate, simulateFeedback } from './annotator.js';
import { boilerplate } from './generic-content.js';
import { corruptArtifact } from './tasks/corrupt.js';
import { generateTasks } from './tasks/task.js';
import { validateArtifact } from './tasks/validators/validate-artifact.js';

const SEED = 2026;
const COUNT = 120;

/**
 * The bundled sample: 120 simulated feedback events on invented answers, in order of time. About a third of the answers
 * are right, the others have one to four mistakes, and a few are boilerplate; half of the failures carry a correction.
 */
export function makeSampleFeedback(): FeedbackEvent[] {
  const source = stream(SEED, 'sample-feedback');
  const tasks = generateTasks({ seed: SEED, purpose: 'sample', count: COUNT, distribution: 'target', split: 'pool' });
  const events = tasks.map((task) => {
    const kind = source.weighted(['right', 'wrong', 'generic'], [0.35, 0.6, 0.05]);
    const output =
      kind === 'right'
        ? task.reference
        : kind === 'wrong'
          ? corruptArtifact(task.artifactType, task.specification, source, 1 + source.integer(4))
          : boilerplate(task.artifactType, source);
    const { score } = validateArtifact(task.artifactType, task.specification, output);
    const corrected = score < 70 && source.float() < 0.5;
    return simulateFeedback({
      loop: 'sample',
      round: 0,
      requestId: task.id,
      artifactType: task.artifactType,
      specification: task.specification,
      output,
      modelUsed: 'sample-model',
      validationScore: Math.round(score * 100) / 100,
      ...(corrected ? { correctedOutput: annotate(task, { seed: SEED }).correctedOutput } : {}),
    });
  });
  return events.sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0));
}
