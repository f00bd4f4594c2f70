import { readMessages, readShareGpt } from './read-conversation.js';
import { checkText, requireAnswer, RowFault, type RowReader } from './row-reader.js';
import type { ExampleMessage, TrainingExample } from './training-example.js';

type Convert = (reader: RowReader, id: string, onRepair: (what: string) => void) => TrainingExample;

interface Format {
  /** The fields by which a file of this format is known. */
  fields: readonly string[];
  convert: Convert;
}

const completion: Convert = (reader, id) => ({
  kind: 'completion',
  id,
  prompt: reader.text('prompt'),
  completion: reader.filled('completion'),
});

/** Every training format, in the order in which a file is tried against them. */
export const TRAINING_FORMATS = {
  messages: { fields: ['messages'], convert: chat },
  sharegpt: { fields: ['conversations'], convert: shareGpt },
  preference: { fields: ['chosen', 'rejected'], convert: preference },
  'prompt-completion': { fields: ['prompt', 'completion'], convert: completion },
  alpaca: { fields: ['instruction', 'output'], convert: alpaca },
  'question-answer': {
    fields: ['question', 'answer'],
    convert: (reader, id) => ({
      kind: 'completion',
      id,
      prompt: reader.filled('question'),
      completion: reader.filled('answer'),
    }),
  },
  classification: {
    fields: ['text', 'label'],
    convert: (reader, id) => ({ kind: 'classification', id, text: reader.filled('text'), label: label(reader) }),
  },
  text: { fields: ['text'], convert: (reader, id) => ({ kind: 'text', id, text: reader.filled('text') }) },
} as const satisfies Record<string, Format>;

export type TrainingFormat = keyof typeof TRAINING_FORMATS;

/** The format whose fields a row has; null when it has those of none. */
export function detectFormat(row: Readonly<Record<string, unknown>>): TrainingFormat | null {
  const names = Object.keys(TRAINING_FORMATS) as TrainingFormat[];
  return names.find((name) => TRAINING_FORMATS[name].fields.every((field) => Object.hasOwn(row, field))) ?? null;
}

/** The name of a class, or its number. */
function label(reader: RowReader): string {
  const { label: value } = reader.row;
  return Number.isSafeInteger(value) ? String(value) : reader.filled('label');
}

function chat(reader: RowReader, id: string): TrainingExample {
  const messages = readMessages(reader, 'messages');
  requireAnswer(messages, 'messages');
  return { kind: 'chat', id, messages, ...readTools(reader) };
}

function shareGpt(reader: RowReader, id: string, onRepair: (what: string) => void): TrainingExample {
  const messages = readShareGpt(reader, onRepair);
  const system = reader.text('system', { absent: true });
  if (system !== '' && messages[0]!.role !== 'system') messages.unshift({ role: 'system', content: system });
  return { kind: 'chat', id, messages, ...readTools(reader) };
}

/** `tools` is a list of schemas, or that list as JSON text. */
function readTools(reader: RowReader): { tools?: object[] } {
  const { tools } = reader.row;
  if (tools === undefined || tools === null || tools === '') return {};
  let list: unknown = tools;
  try {
    if (typeof tools === 'string') list = JSON.parse(tools);
  } catch {
    throw reader.fault('tools', 'is a text, but not of JSON');
  }
  if (!Array.isArray(list) || !list.every((tool) => typeof tool === 'object' && tool !== null)) {
    throw reader.fault('tools', 'is not a list of objects');
  }
  return list.length > 0 ? { tools: list as object[] } : {};
}

/**
 * Stanford Alpaca's prompt (Taori et al., 2023). A row with a system text or a history is a conversation instead, which
 * the model's own chat template writes.
 */
function alpaca(reader: RowReader, id: string): TrainingExample {
  const instruction = reader.filled('instruction');
  const input = reader.text('input', { absent: true });
  const output = reader.filled('output');
  const system = reader.text('system', { absent: true });
  const history = reader.list('history', { absent: true });
  if (system === '' && history.length === 0) {
    const [about, given] =
      input === '' ? ['', ''] : [', paired with an input that provides further context', `### Input:\n${input}\n\n`];
    const prompt = `Below is an instruction that describes a task${about}. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n${given}### Response:\n`;
    return { kind: 'completion', id, prompt, completion: output };
  }
  const messages: ExampleMessage[] = system === '' ? [] : [{ role: 'system', content: system }];
  history.forEach((pair, index) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new RowFault(`history[${index}]`, 'is no pair of texts');
    messages.push(
      { role: 'user', content: checkText(pair[0], `history[${index}][0]`) },
      { role: 'assistant', content: checkText(pair[1], `history[${index}][1]`) },
    );
  });
  const question = input === '' ? instruction : `${instruction}\n${input}`;
  messages.push({ role: 'user', content: question }, { role: 'assistant', content: output });
  return { kind: 'chat', id, messages };
}

/**
 * Preference pairs: texts with a prompt, or conversations (TRL's layout) whose shared beginning is the prompt when there
 * is no field `prompt`.
 */
function preference(reader: RowReader, id: string): TrainingExample {
  if (!Array.isArray(reader.row['chosen'])) {
    const [chosen, rejected] = [reader.filled('chosen'), reader.filled('rejected')];
    if (chosen === rejected) throw new RowFault('rejected', 'is the same as chosen');
    return { kind: 'preference', id, prompt: reader.text('prompt'), chosen, rejected };
  }
  const [chosen, rejected] = [readMessages(reader, 'chosen'), readMessages(reader, 'rejected')];
  let shared = 0;
  while (shared < chosen.length - 1 && JSON.stringify(chosen[shared]) === JSON.stringify(rejected[shared])) shared++;
  if (chosen.length !== shared + 1 || rejected.length !== shared + 1) {
    throw new RowFault('rejected', 'differs from chosen in more than the last message');
  }
  const [better, worse] = [chosen.at(-1)!, rejected.at(-1)!];
  if (better.role !== 'assistant' || worse.role !== 'assistant')
    throw new RowFault('chosen', 'does not end in an answer');
  if (better.content === worse.content) throw new RowFault('rejected', 'is the same as chosen');
  const given = reader.row['prompt'];
  const before: ExampleMessage[] = Array.isArray(given)
    ? readMessages(reader, 'prompt')
    : given === undefined || given === null
      ? []
      : [{ role: 'user', content: reader.text('prompt') }];
  const prompt = [...before, ...chosen.slice(0, shared)];
  if (prompt.length === 0) throw new RowFault('prompt', 'is missing');
  return { kind: 'preference', id, prompt, chosen: better.content, rejected: worse.content };
}
