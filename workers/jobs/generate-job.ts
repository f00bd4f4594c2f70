import { RatchetError } from '../../config/errors.js';
import { generateTexts, loadChatTemplate } from '../../engine/index.js';
import { findModel } from './find-model.js';
import type { GenerateJob, JobContext, JobResults } from './messages.js';

/** Continues prompts, or answers them as a chat. @throws RatchetError; the signal's reason when stopped */
export async function runGenerateJob(job: GenerateJob, context: JobContext): Promise<JobResults['generate']> {
  const { kind: _, model, modelCache, adapter, threads, chat, system, prompts, ...options } = job;
  const modelDir = await findModel(model, modelCache, context);
  const generations = await generateTexts(
    {
      ...options,
      modelDir,
      adapterDir: adapter,
      prompts: chat ? await asChats(modelDir, prompts, system) : prompts,
      fromTemplate: chat,
    },
    {
      signal: context.signal,
      onProgress: (done, total) => context.emit({ event: 'progress', what: 'generating', done, total }),
    },
    threads === undefined ? {} : { threads },
  );
  const each = generations.length / prompts.length;
  return prompts.map((prompt, i) => ({ prompt, generations: generations.slice(i * each, (i + 1) * each) }));
}

async function asChats(modelDir: string, prompts: string[], system: string | undefined): Promise<string[]> {
  const template = await loadChatTemplate(modelDir);
  if (template === null)
    throw new RatchetError('E_USAGE', `${modelDir} has no chat template.`, {
      hint: 'Leave --chat out to continue the prompt as a text.',
    });
  const before = system === undefined ? [] : [{ role: 'system', content: system }];
  return prompts.map((content) =>
    template.render([...before, { role: 'user', content }], { addGenerationPrompt: true }),
  );
}
