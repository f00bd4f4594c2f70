import type { CurriculumRow, FeedbackEvent } from '../config/domain.js';
import { estimateDifficulty } from '../datasets/index.js';
import { CurriculumLearner } from '../learning/curriculum/curriculum-learner.js';
import { RoundFiles, type Dependencies } from './dependencies.js';
import type { CpuActivities } from './interfaces.js';

/** Stage 3: curriculum. */
export function createCurriculumActivities(deps: Dependencies): Pick<CpuActivities, 'organizeCurriculum'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async organizeCurriculum({ key, config, feedbackRef, curriculum }) {
      const events = await files.read<FeedbackEvent>(feedbackRef);
      const learner = new CurriculumLearner(config.curriculum, curriculum);
      const items = events.map((event) => ({
        id: event.id,
        artifactType: event.artifact_type,
        difficulty: estimateDifficulty(event.artifact_type, event.input_data),
      }));
      const admitted = config.components.curriculum
        ? learner.admit(items, config.seed)
        : new Set(items.map((item) => item.id));
      const rows = items.map(({ id, artifactType, difficulty }): CurriculumRow => ({
        eventId: id,
        artifactType,
        difficulty,
        band: learner.bandOf(difficulty),
        admitted: admitted.has(id),
      }));
      return files.write(key, 'curriculum', rows);
    },
  };
}
