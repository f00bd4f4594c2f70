import type { ModelConfig } from '../nn/config.js';
import { parameterShapes } from '../nn/parameters.js';

/** Heads that PEFT trains and saves in full for sequence classification, whether a model has them or not. */
const CLASSIFIER_HEADS = ['classifier', 'score'];

/** PEFT's `task_type` of an architecture. */
export function taskType(config: ModelConfig): 'CAUSAL_LM' | 'SEQ_CLS' | 'SEQ_2_SEQ_LM' {
  const architecture: string = config.architecture;
  if (['bert', 'roberta', 'distilbert'].includes(architecture)) return 'SEQ_CLS';
  return architecture === 't5' ? 'SEQ_2_SEQ_LM' : 'CAUSAL_LM';
}

/** `modules_to_save` of a new adapter: what was asked for, and the classification head. */
export function modulesToSave(config: ModelConfig, wanted: readonly string[]): string[] | null {
  const names = [...new Set([...wanted, ...(taskType(config) === 'SEQ_CLS' ? CLASSIFIER_HEADS : [])])];
  return names.length > 0 ? names : null;
}

/** PEFT's key of a parameter that is saved in full. */
export const savedKey = (parameter: string): string => `base_model.model.${parameter}`;

/**
 * The parameters of the modules whose path ends in one of the names, in the model's order. As in PEFT (`_set_trainable`) the
 * end need not begin at a dot: `classifier` means DistilBERT's `pre_classifier` too.
 */
export function savedParameters(config: ModelConfig, names: readonly string[]): string[] {
  return [...parameterShapes(config).keys()].filter((parameter) => {
    const parts = parameter.split('.').slice(0, -1);
    const paths = parts.map((_, end) => parts.slice(0, end + 1).join('.'));
    return paths.some((path) => names.some((name) => path.endsWith(name)));
  });
}
