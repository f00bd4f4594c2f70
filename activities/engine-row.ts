import type { TrainingExample } from '../datasets/index.js';
import type { ChatRow, ObjectiveSpec, PreferenceRow, RowInspector, TextRow, TrainingRow } from '../engine/index.js';

/** A row of a file that the engine reads. */
export type EngineRow = TrainingRow | ChatRow | TextRow | PreferenceRow;

/** Stops the conversion of one row: which field does not fit what is trained, and why. */
export class RowRefused extends Error {
  constructor(
    readonly field: string,
    readonly reason: string,
  ) {
    super(`${field}: ${reason}`);
  }
}

/**
 * An example as the engine's objective reads it.
 *
 * @throws RowRefused where the example is of a kind that the objective cannot learn
 */
export function engineRow(
  example: TrainingExample,
  { objective, template }: Pick<RowInspector, 'objective' | 'template'>,
): EngineRow {
  const { kind, id } = example;
  if (isPreference(objective)) {
    if (kind !== 'preference') throw new RowRefused('', `is no preference pair, which ${objective.kind} learns from`);
    return preferenceRow(example, template);
  }
  if (kind === 'preference')
    throw new RowRefused('', 'is a preference pair, which only dpo, simpo and orpo learn from');
  if (kind === 'completion') return { id, prompt: example.prompt, completion: example.completion };
  if (objective.kind === 'classification' || objective.kind === 'seq2seq') {
    if (kind === 'classification') return { id, prompt: example.text, completion: example.label };
    throw new RowRefused(
      '',
      `is a ${kind === 'chat' ? 'conversation' : 'text'}; ${objective.kind} learns from prompts with completions`,
    );
  }
  if (kind === 'text') return { id, text: example.text };
  if (kind === 'classification') return { id, prompt: `${example.text}\n`, completion: example.label };
  const { messages, tools } = example;
  return { id, messages: messages.map((message) => ({ ...message })), ...(tools && { tools }) };
}

function preferenceRow(
  { id, prompt, chosen, rejected }: Extract<TrainingExample, { kind: 'preference' }>,
  template: RowInspector['template'],
): PreferenceRow {
  if (typeof prompt === 'string') return { id, prompt, chosen, rejected };
  if (template === null) throw new RowRefused('prompt', 'is a conversation, and the model has no chat template');
  const written = template.render(
    prompt.map((message) => ({ ...message })),
    { addGenerationPrompt: true },
  );
  return { id, prompt: written, chosen, rejected, fromTemplate: true };
}

const isPreference = ({ kind }: ObjectiveSpec): boolean => kind === 'dpo' || kind === 'simpo' || kind === 'orpo';
