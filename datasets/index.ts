export {
  annotate,
  conventionAt,
  ownConvention,
  simulatedNow,
  simulateFeedback,
  type AnnotationRequest,
  type SimulatedFeedbackInput,
} from './annotator.js';
export { loadFeedback, type LoadOptions, type LoadReport } from './feedback/load-feedback.js';
export { validateFeedbackEvent } from './feedback/validate-feedback-event.js';
export { boilerplate, groundedness, isGeneric } from './generic-content.js';
export {
  runIsolated,
  type IsolatedProgram,
  type IsolatedResult,
  type IsolationLimits,
} from './program/run-isolated.js';
export { makeSampleFeedback } from './make-sample-feedback.js';
export { buildTokenizer, SPECIAL_TOKENS, type TokenizerJson } from './tokenizer/build-tokenizer.js';
export { changeConvention, scoreByConvention, type Convention } from './tasks/convention.js';
export { generateCopyTask, generateCopyTasks, type CopyTask } from './tasks/copy-task.js';
export { corruptArtifact } from './tasks/corrupt.js';
export { estimateDifficulty } from './tasks/difficulty.js';
export { referenceFor } from './tasks/families.js';
export type { Distribution } from './tasks/family.js';
export { lexiconPreTokens } from './tasks/lexicon-pre-tokens.js';
export { formatPrompt, preTokenize, PROMPT_SEPARATOR } from './tasks/prompt.js';
export {
  generateTask,
  generateTasks,
  splitOf,
  taskId,
  taskOf,
  type Split,
  type Task,
  type TaskRequest,
} from './tasks/task.js';
export type { Validation } from './tasks/validators/parts.js';
export { validateArtifact } from './tasks/validators/validate-artifact.js';
export { contextVariation, paraphrase, permuteOutput, renameIdentifiers, type RenamedTask } from './tasks/variants.js';
export { CommonsenseQALoader, readCommonsenseQa, type CommonsenseQuestion } from './commonsense-qa.js';
export { Sentiment140Loader, readSentiment140, type Tweet } from './sentiment140.js';
export {
  FineTuningDataFormatter,
  type AnswerExample,
  type ClassificationExample,
} from './formats/fine-tuning-data-formatter.js';
export {
  loadTrainingFile,
  type LoadTrainingOptions,
  type ReadTable,
  type TrainingFileReport,
} from './formats/load-training-file.js';
export type { ExampleMessage, LedgerEntry, TrainingExample } from './formats/training-example.js';
export { detectFormat, type TrainingFormat } from './formats/training-formats.js';
