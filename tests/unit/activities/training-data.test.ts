import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareTrainingData, type PrepareOptions } from '../../../activities/training-data.js';
import { jsonLines, writeTinyModel } from '../train/tiny-model.js';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-training-data-'));
  await writeTinyModel(folder);
  writeFileSync(
    path.join(folder, 'model', 'chat_template.jinja'),
    "{% for x in messages %}{{ 'm ' if x.role == 'assistant' else '<unk> ' }}{{ x.content }} <eos> {% endfor %}{% if add_generation_prompt %}m {% endif %}",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const prepare = (name: string, content: string, options: Partial<PrepareOptions> = {}) => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return prepareTrainingData({
    file,
    evalRatio: 0,
    modelDir: path.join(folder, 'model'),
    maxLength: 8,
    objective: () => null,
    seed: 1,
    folder: path.join(folder, `${name}.prepared`),
    ...options,
  });
};
const rows = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

it.each([
  [
    'completion.jsonl',
    jsonLines([{ id: 1, prompt: 'a', completion: 'b' }]),
    [{ id: '1', prompt: 'a', completion: 'b' }],
  ],
  ['table.csv', 'prompt,completion\na,b\n', [{ id: 'table.csv:1', prompt: 'a', completion: 'b' }]],
  ['text.txt', 'a b c\n', [{ id: 'text.txt:1', text: 'a b c' }]],
  [
    'sharegpt.json',
    JSON.stringify([
      {
        conversations: [
          { from: 'human', value: 'a' },
          { from: 'gpt', value: 'b' },
        ],
      },
    ]),
    [
      {
        id: 'sharegpt.json:1',
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
    ],
  ],
])('reads %s as the engine does', async (name, content, expected) => {
  const prepared = await prepare(name, content);
  expect(rows(prepared.train.file)).toEqual(expected);
  expect(prepared).toMatchObject({ read: 1, kept: 1, ledger: null, validation: null, objective: { kind: 'causal' } });
});

it('writes pairs of answers to a conversation with the template', async () => {
  const pair = {
    chosen: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
    rejected: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'c' },
    ],
  };
  const prepared = await prepare('pairs.jsonl', jsonLines([pair]), {
    objective: (kind) => (kind === 'preference' ? { kind: 'dpo' } : null),
  });
  expect(rows(prepared.train.file)).toEqual([
    { id: 'pairs.jsonl:1', prompt: '<unk> a <eos> m ', chosen: 'b', rejected: 'c', fromTemplate: true },
  ]);
  expect(prepared.objective).toEqual({ kind: 'dpo' });
});

it('keeps a ledger of every row that is left out, with line, field and reason, and counts what is cut', async () => {
  const prepared = await prepare(
    'mixed.jsonl',
    [
      JSON.stringify({ prompt: 'a b c d e f g h', completion: 'a b' }),
      JSON.stringify({ prompt: 'a', completion: 'b c d e f g h a b c' }),
      JSON.stringify({ prompt: 7, completion: 'b' }),
      '{"prompt": "torn',
      JSON.stringify({ prompt: 'a', completion: 'b' }),
      '',
    ].join('\n'),
  );
  expect(prepared).toMatchObject({ read: 5, kept: 2, truncated: 1 });
  const file = path.join(folder, 'mixed.jsonl');
  expect(rows(prepared.ledger!)).toEqual([
    { file, line: 3, field: 'prompt', reason: 'is not a text' },
    { file, line: 4, field: '', reason: expect.stringContaining('JSON') as string },
    {
      file,
      line: 2,
      field: '',
      reason: 'its completion has 11 tokens, and a row may have 8 with at least one of its prompt.',
    },
  ]);
  expect(Object.values(prepared.dropped)).toEqual([1, 1, 1]);
  expect(prepared.train).toMatchObject({ rows: 2, sequences: 2, tokens: 8 + 3, learned: 3 + 2, longest: 8 });
});

it('refuses rows that the objective cannot learn, and a file of nothing else', async () => {
  const dpo = { objective: () => ({ kind: 'dpo' }) as const };
  await expect(prepare('no-pairs.jsonl', jsonLines([{ prompt: 'a', completion: 'b' }]), dpo)).rejects.toMatchObject({
    code: 'E_DATA_INVALID',
    message: `${path.join(folder, 'no-pairs.jsonl')} has no row to train on. Line 1: is no preference pair, which dpo learns from.`,
  });
  expect(existsSync(path.join(folder, 'no-pairs.jsonl.prepared', 'rejected.jsonl'))).toBe(true);
  const pairs = jsonLines([{ prompt: 'a', chosen: 'b', rejected: 'c' }]);
  await expect(prepare('pairs-2.jsonl', pairs, { objective: () => ({ kind: 'causal' }) })).rejects.toThrow(
    'is a preference pair, which only dpo, simpo and orpo learn from',
  );
});

it('N5: holds out the same rows each time, and never a copy of one that is trained on', async () => {
  const content = jsonLines(
    Array.from({ length: 40 }, (_, i) => ({ prompt: 'abcdefghijklm'[i % 13]!, completion: 'b' })),
  );
  const once = await prepare('split.jsonl', content, { evalRatio: 0.2 });
  const before = readFileSync(once.train.file, 'utf8');
  const again = await prepare('split.jsonl', content, { evalRatio: 0.2 });
  expect(readFileSync(again.train.file, 'utf8')).toBe(before);
  const prompts = (file: string) => new Set(rows(file).map((row) => (row as { prompt: string }).prompt));
  const [train, held] = [prompts(once.train.file), prompts(once.validation!.file)];
  expect([...held].filter((prompt) => train.has(prompt))).toEqual([]);
  expect(once.train.rows + once.validation!.rows).toBe(40);
  expect(once.validation!.rows).toBeGreaterThan(4);
});

it('T13: a curriculum goes from short rows to long ones', async () => {
  const content = jsonLines(['a b c', 'a', 'a b'].map((prompt) => ({ prompt, completion: 'b' })));
  const { train } = await prepare('curriculum.jsonl', content, { curriculum: true });
  expect(rows(train.file).map((row) => (row as { prompt: string }).prompt)).toEqual(['a', 'a b', 'a b c']);
});
