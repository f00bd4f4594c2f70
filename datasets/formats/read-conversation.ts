import { requireAnswer, RowFault, type RowReader } from './row-reader.js';
import type { ExampleMessage } from './training-example.js';

const ROLES: Readonly<Record<string, ExampleMessage['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
};

const SPEAKERS: Readonly<Record<string, ExampleMessage['role']>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  function_call: 'assistant',
  observation: 'tool',
  tool: 'tool',
};

/** OpenAI's messages: `content` is a text, a list of text parts, or null beside tool calls. */
export function readMessages(reader: RowReader, field: string): ExampleMessage[] {
  const messages = reader.objects(field).map((message): ExampleMessage => {
    const name = message.text('role');
    if (!Object.hasOwn(ROLES, name))
      throw message.fault('role', `is "${name}", none of ${Object.keys(ROLES).join(', ')}`);
    const calls = message.list('tool_calls', { absent: true });
    const { weight } = message.row;
    if (weight !== undefined && weight !== null && weight !== 0 && weight !== 1) {
      throw message.fault('weight', 'is neither 0 nor 1');
    }
    const speaker = message.text('name', { absent: true });
    return {
      role: ROLES[name]!,
      content: readContent(message, calls.length > 0),
      ...(typeof weight === 'number' ? { weight } : {}),
      ...(speaker === '' ? {} : { name: speaker }),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    };
  });
  if (messages.length === 0) throw new RowFault(field, 'is empty');
  return messages;
}

function readContent(message: RowReader, mayBeNull: boolean): string {
  const { content } = message.row;
  if (content === null || content === undefined) {
    if (mayBeNull) return '';
    throw message.fault('content', content === null ? 'is null without tool calls' : 'is missing');
  }
  if (!Array.isArray(content)) return message.text('content');
  const texts = message.objects('content').map((part) => {
    const type = part.text('type');
    if (type !== 'text') throw part.fault('type', `is "${type}"; only text can be trained on`);
    return part.text('text');
  });
  return texts.join('');
}

/**
 * ShareGPT's turns. Repairs, each told to `onRepair`: empty turns (but those of tools, which may have nothing to say) and
 * turns of the assistant before the first of a user are left out, neighbouring turns of one speaker are joined, turns
 * after the last answer are left out.
 */
export function readShareGpt(reader: RowReader, onRepair: (what: string) => void): ExampleMessage[] {
  const messages: ExampleMessage[] = [];
  for (const turn of reader.objects('conversations')) {
    const from = turn.text('from');
    if (!Object.hasOwn(SPEAKERS, from))
      throw turn.fault('from', `is "${from}", none of ${Object.keys(SPEAKERS).join(', ')}`);
    const [role, content] = [SPEAKERS[from]!, turn.text('value')];
    const last = messages.at(-1);
    if (role !== 'tool' && content.trim() === '') {
      onRepair('left out an empty turn');
    } else if (role === 'assistant' && !messages.some((message) => message.role === 'user')) {
      onRepair('left out an answer before the first question');
    } else if (last?.role === role) {
      last.content += `\n\n${content}`;
      onRepair('joined neighbouring turns of one speaker');
    } else messages.push({ role, content });
  }
  const end = messages.findLastIndex(({ role }) => role === 'assistant') + 1;
  if (end > 0 && end < messages.length) {
    messages.length = end;
    onRepair('left out turns after the last answer');
  }
  requireAnswer(messages, 'conversations');
  return messages;
}
