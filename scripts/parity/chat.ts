import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileChatTemplate, type ChatMessage } from '../../engine/chat/chat-template.js';
import type { CaseRecorder } from './report.js';

interface ChatExpectation {
  bos_token: string;
  eos_token: string;
  conversations: ChatMessage[][];
  rendered: Record<string, { conversation: number; add_generation_prompt: boolean; text?: string; error?: string }[]>;
}

/** chat/: each template with each conversation, with and without generation prompt; refusals by their message. */
export async function checkChat(folder: string, record: CaseRecorder): Promise<void> {
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as ChatExpectation;
  const tokens = { bos_token: expected.bos_token, eos_token: expected.eos_token };
  for (const [name, cases] of Object.entries(expected.rendered)) {
    const template = compileChatTemplate(await readFile(join(folder, `${name}.jinja`), 'utf8'), tokens, name);
    for (const item of cases) {
      const prompt = item.add_generation_prompt;
      const messages = expected.conversations[item.conversation]!;
      const label = `${name}/${item.conversation}${prompt ? '/prompt' : ''}`;
      let actual: { text: string } | { error: string };
      try {
        actual = { text: template.render(messages, { addGenerationPrompt: prompt }) };
      } catch (error) {
        actual = { error: ((error as Error).cause as Error).message };
      }
      record.equal(label, actual, item.error === undefined ? { text: item.text } : { error: item.error });
    }
  }
}
