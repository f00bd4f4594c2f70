import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileChatTemplate, type ChatMessage } from '../../../engine/chat/chat-template.js';
import { encodeChat, findAssistantSpans } from '../../../engine/chat/encode-chat.js';
import { loadChatTemplate } from '../../../engine/chat/load-chat-template.js';
import { loadTokenizer } from '../../../engine/tokenizer/tokenizer.js';

const CHATML =
  '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';
const conversation: ChatMessage[] = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello 🙂' },
  { role: 'user', content: 'Bye' },
  { role: 'assistant', content: 'See you' },
];
const render = (source: string, variables: Record<string, unknown> = {}): string =>
  compileChatTemplate(source).render([], { variables });

describe('compileChatTemplate', () => {
  it('prints and compares values as Python does', () => {
    expect(render("{{ true }} {{ none }} {{ [1, 'a', 2.0] }} {{ {'k': none} }} {{ missing }}|")).toBe(
      "True None [1, 'a', 2.0] {'k': None} |",
    );
    expect(render("{{ '' == false }} {{ 0 == false }} {{ 1 == true }} {{ [1] == [1] }} {{ '1' == 1 }}")).toBe(
      'False True True True False',
    );
    expect(render("{{ 'x' ~ none ~ true }}")).toBe('xNoneTrue');
  });

  it('strips the white space of Python and counts code points', () => {
    const text = '\u001c\u0085\u00a0\ufeffx\u2028';
    expect(render('[{{ t.strip() }}][{{ t | trim }}][{{ t.lstrip() }}]', { t: text })).toBe(
      '[\ufeffx][\ufeffx][\ufeffx\u2028]',
    );
    expect(render("{{ '##a#'.strip('#') }} {{ '🙂🙂' | length }} {{ 'hELLO wORLD' | capitalize }}")).toBe(
      'a 2 Hello world',
    );
  });

  it('normalises line ends of the template, not those of messages, and evaluates no message', () => {
    const template = compileChatTemplate('{% if true %}\r\na\r\n{{ messages[0].content }}\r\n{% endif %}\r\n');
    expect(template.render([{ role: 'user', content: '\r\n{{ 1 + 1 }}' }])).toBe('a\n\r\n{{ 1 + 1 }}\n');
  });

  it('tells the template’s own refusal and its faults', () => {
    const refusing = compileChatTemplate("{{ raise_exception('no system') }}", {}, 'my template');
    expect(() => refusing.render([])).toThrow('my template: no system');
    expect(() => compileChatTemplate('{% for %}', {}, 'broken')).toThrow(/^broken: cannot be parsed/);
  });

  it('keeps what a round of a loop wrote before it was left, and nothing that it set', () => {
    const loop = (control: string): string =>
      render(`{% for i in range(4) %}{{ i }}{% if i == 1 %}!{% ${control} %}{% endif %}x{% endfor %}.`);
    expect([loop('continue'), loop('break')]).toEqual(['0x1!2x3x.', '0x1!.']);
    expect(render('{% set x = 1 %}{% for i in range(3) %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}')).toBe('1231');
  });

  it('computes with texts and remainders as Python does', () => {
    expect(render("{{ 'a' < 'b' }} {{ 'x' * 3 }} {{ -7 % 3 }} {{ '🙂b'[0] }} {{ true in [1] }}")).toBe(
      'True xxx 2 🙂 True',
    );
  });

  it('passes tools, documents and special tokens', () => {
    const template = compileChatTemplate('{{ bos_token }}{{ tools | tojson }}{{ documents is none }}', {
      bos_token: '<s>',
    });
    expect(template.render([], { tools: [{ name: 'é<' }] })).toBe('<s>[{"name": "é<"}]True');
  });
});

describe('assistant spans', () => {
  it('cover each answer with its end token', () => {
    const { text, spans } = findAssistantSpans(compileChatTemplate(CHATML), conversation);
    expect(spans.map(([from, to]) => text.slice(from, to))).toEqual(['Hello 🙂<|im_end|>\n', 'See you<|im_end|>\n']);
  });

  it('leave out answers of weight 0', () => {
    const messages = conversation.map((message, index) => (index === 1 ? { ...message, weight: 0 } : message));
    const { text, spans } = findAssistantSpans(compileChatTemplate(CHATML), messages);
    expect(spans.map(([from, to]) => text.slice(from, to))).toEqual(['See you<|im_end|>\n']);
  });

  it('are refused where a later turn changes the text before it', () => {
    const template = compileChatTemplate('{% for m in messages %}{{ m.content if loop.last else "…" }}{% endfor %}');
    expect(() => findAssistantSpans(template, conversation)).toThrow('message 2: the chat template writes this turn');
  });

  it('become a mask over the tokens of exactly the answers', async () => {
    const tokenizer = await loadTokenizer(join(import.meta.dirname, '../../parity/fixtures/tokenizers/bpe_split_nfc'));
    const { ids, assistantMask } = encodeChat(compileChatTemplate(CHATML), tokenizer, conversation);
    expect(assistantMask).toHaveLength(ids.length);
    const learned = ids.filter((_, index) => assistantMask[index] === 1);
    expect(tokenizer.decode(learned, { skipSpecialTokens: false })).toBe('Hello 🙂<|im_end|>\nSee you<|im_end|>\n');
  });

  it('cover the indentation of an answer, though the tokenizer trims the offsets of spaces to nothing', async () => {
    const tokenizer = await loadTokenizer(join(import.meta.dirname, '../../parity/fixtures/tokenizers/bpe_bytelevel'));
    const messages = [
      { role: 'user', content: '   Hi   ' },
      { role: 'assistant', content: '  if x:\n    y  ' },
      { role: 'user', content: '   Bye' },
    ];
    const { ids, assistantMask } = encodeChat(compileChatTemplate(CHATML), tokenizer, messages);
    const learned = ids.filter((_, index) => assistantMask[index] === 1);
    expect(tokenizer.decode(learned)).toBe('  if x:\n    y  <|im_end|>\n');
  });
});

describe('loadChatTemplate', () => {
  it('finds the template in its own file, as a text and in a list of named ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-chat-'));
    try {
      const config = join(folder, 'tokenizer_config.json');
      expect(await loadChatTemplate(folder)).toBeNull();
      await writeFile(config, JSON.stringify({ chat_template: '{{ bos_token }}text', bos_token: { content: '<s>' } }));
      expect((await loadChatTemplate(folder))!.render([])).toBe('<s>text');
      const named = ['default', 'tool_use'].map((name) => ({ name, template: `named ${name}` }));
      await writeFile(config, JSON.stringify({ chat_template: named }));
      expect((await loadChatTemplate(folder))!.render([])).toBe('named default');
      expect((await loadChatTemplate(folder, 'tool_use'))!.render([])).toBe('named tool_use');
      await expect(loadChatTemplate(folder, 'rag')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
      await writeFile(join(folder, 'chat_template.jinja'), 'file\n');
      await mkdir(join(folder, 'additional_chat_templates'));
      await writeFile(join(folder, 'additional_chat_templates', 'rag.jinja'), 'rag file');
      expect((await loadChatTemplate(folder))!.render([])).toBe('file');
      expect((await loadChatTemplate(folder, 'rag'))!.render([])).toBe('rag file');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
