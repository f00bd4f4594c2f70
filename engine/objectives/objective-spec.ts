import type { WeighedRow } from '../api.js';
import type { DistillationSettings } from './distillation.js';
import type { PreferenceLoss } from './preference-losses.js';

/**
 * What a run minimises. Its rows: `causal` and `distillation` read {@link CausalRow}s, `seq2seq` and `classification`
 * {@link TrainingRow}s (of a classification the completion is the class, by name or number), preferences
 * {@link PreferenceRow}s.
 */
export type ObjectiveSpec =
  | { kind: 'causal' | 'seq2seq' | 'classification' }
  | PreferenceLoss
  | ({ kind: 'distillation'; /** Model folder with the same vocabulary. */ teacherDir: string } & DistillationSettings);

/** A prompt with a better and a worse answer. */
export interface PreferenceRow extends WeighedRow {
  id: string;
  prompt: string;
  chosen: string;
  rejected: string;
  /** A chat template wrote the prompt: the tokenizer puts no begin token in front. */
  fromTemplate?: boolean;
}

export const isPreference = (spec: ObjectiveSpec): spec is PreferenceLoss =>
  spec.kind === 'dpo' || spec.kind === 'simpo' || spec.kind === 'orpo';
