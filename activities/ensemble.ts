import { Context } from '@temporalio/activity';
import type { CurriculumRow, FeedbackEvent } from '../config/domain.js';
import { formatPrompt } from '../datasets/index.js';
import type { Engine } from '../engine/index.js';
import { modelFolders, RoundFiles, type Dependencies } from './dependencies.js';
import { MAX_NEW_TOKENS } from './feedback.js';
import type { GpuActivities, VotesRow } from './interfaces.js';

/** Stage 4, the device's part: what the models of an ensemble answer, for strategies that look at their disagreement. */
export function createEnsembleActivities(deps: Dependencies & { engine: Engine }): Pick<GpuActivities, 'askEnsemble'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async askEnsemble({ key, config, feedbackRef, curriculumRef, models }) {
      const context = Context.current();
      const lessons = await files.read<CurriculumRow>(curriculumRef);
      const admitted = new Set(lessons.filter((row) => row.admitted).map((row) => row.eventId));
      const events = (await files.read<FeedbackEvent>(feedbackRef)).filter((event) => admitted.has(event.id));
      const prompts = events.map((event) => formatPrompt(event.artifact_type, event.input_data));
      const total = models.length * prompts.length;
      const rows = events.map(({ id }): VotesRow => ({ eventId: id, answers: [] }));
      for (const [place, model] of prompts.length === 0 ? [] : models.entries()) {
        const answers = await deps.engine.generate(
          {
            ...modelFolders(config, files, model),
            prompts,
            truncatePrompts: true,
            maxNewTokens: MAX_NEW_TOKENS,
            temperature: 0,
          },
          {
            signal: context.cancellationSignal,
            onProgress: (done) => context.heartbeat({ done: place * prompts.length + done, total }),
          },
        );
        rows.forEach((row, index) => row.answers.push(answers[index]!.text));
      }
      return files.write(key, 'votes', rows);
    },
  };
}
