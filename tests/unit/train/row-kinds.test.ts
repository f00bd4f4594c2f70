import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CausalRow, TrainSpec } from '../../../engine/api.js';
import { loadChatTemplate } from '../../../engine/chat/load-chat-template.js';
import { evaluateModel } from '../../../engine/evaluate/evaluate-model.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { loadTokenizer } from '../../../engine/tokenizer/tokenizer.js';
import { tokenizeRows, type Encoder } from '../../../engine/train/encode-rows.js';
import { inspectRows } from '../../../engine/train/inspect-rows.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { labelsOf } from '../../../engine/train/training-rows.js';
import { jsonLines, TINY_CONFIG, tinySpec, writeTinyModel } from './tiny-model.js';

/** `<unk>` for the user, `m` for the assistant, `<eos>` after each turn. */
const TEMPLATE =
  "{% for x in messages %}{{ 'm ' if x.role == 'assistant' else '<unk> ' }}{{ x.content }} <eos> {% endfor %}{% if add_generation_prompt %}m {% endif %}";

let folder: string;
let encoder: Encoder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-rows-'));
  await writeTinyModel(folder);
  const model = join(folder, 'model');
  await writeFile(join(model, 'chat_template.jinja'), TEMPLATE);
  encoder = {
    tokenizer: await loadTokenizer(model),
    config: parseModelConfig('tiny', JSON.stringify(TINY_CONFIG)),
    template: await loadChatTemplate(model),
    maxLength: 64,
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const chat = (...turns: string[]): CausalRow => ({
  id: 'chat',
  messages: turns.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
});
/** Each row as words, those that are not learned in brackets. */
const shown = (rows: readonly CausalRow[], maxLength = 64): string[] =>
  tokenizeRows(rows, { ...encoder, maxLength }).rows.map((row) => {
    const labels = labelsOf(row);
    return row.tokens
      .map((token, i) => {
        const word = encoder.tokenizer.decode([token], { skipSpecialTokens: false });
        return labels[i]! >= 0 ? word : `(${word})`;
      })
      .join(' ');
  });

it('learns what the assistant says in a conversation, and reads the rest', () => {
  expect(shown([chat('a b', 'c', 'd', 'e f')])).toEqual([
    '(<unk>) (a) (b) (<eos>) (m) c <eos> (<unk>) (d) (<eos>) (m) e f <eos>',
  ]);
  const skipped = chat('a b', 'c', 'd', 'e f') as Extract<CausalRow, { messages: unknown }>;
  skipped.messages[1]!.weight = 0;
  expect(shown([skipped])).toEqual(['(<unk>) (a) (b) (<eos>) (m) (c) (<eos>) (<unk>) (d) (<eos>) (m) e f <eos>']);
});

it('cuts a conversation from its oldest tokens and never learns half an answer', () => {
  const row = chat('a b', 'c d e', 'f', 'g');
  expect(shown([row], 9)).toEqual(['(d) (e) (<eos>) (<unk>) (f) (<eos>) (m) g <eos>']);
  expect(tokenizeRows([row], { ...encoder, maxLength: 9 }).truncated).toBe(1);
  expect(() => shown([chat('a', 'b c d e f g h i')], 8)).toThrow(
    'Row "chat": its last answer does not fit into the 8 tokens that a row may have.',
  );
});

it('learns all of a text, and makes of a long one several rows that predict each token once', () => {
  expect(shown([{ id: 'text', text: 'a b c d e f' }], 4)).toEqual(['a b c d', 'd e f <eos>']);
  const parts = tokenizeRows([{ id: 'text', text: 'a b c d e f g' }], { ...encoder, maxLength: 4 });
  expect(parts.rows.map(({ id, tokens }) => [id, tokens.length])).toEqual([
    ['text', 4],
    ['text#2', 4],
    ['text#3', 2],
  ]);
  expect(parts).toMatchObject({ truncated: 0, unsupervised: 0 });
});

it('counts a row that has nothing to learn, and says what it lacks', () => {
  expect(tokenizeRows([chat('a b'), { id: 'text', text: '' }], encoder)).toEqual({
    rows: [],
    truncated: 0,
    unsupervised: 2,
  });
  expect(() => tokenizeRows([chat('a', 'b')], { ...encoder, template: null })).toThrow(
    'Row "chat": it is a conversation, and the model has no chat template.',
  );
});

it('measures rows as a training will read them', async () => {
  const inspector = await inspectRows(join(folder, 'model'), { maxLength: 9 });
  expect(inspector.inspect(chat('a b', 'c d e', 'f', 'g'))).toEqual({
    sequences: 1,
    tokens: 9,
    longest: 9,
    learned: 2,
    truncated: true,
  });
  const pairs = await inspectRows(join(folder, 'model'), { maxLength: 9, objective: { kind: 'dpo' } });
  expect(pairs.inspect({ id: 'p', prompt: 'a', chosen: 'b', rejected: 'c d' })).toMatchObject({
    tokens: 7,
    longest: 4,
    learned: 5,
  });
  // What else a row has says nothing about its answers.
  const noted = { id: 'p', prompt: 'a', chosen: 'b', rejected: 'c d', text: 'e f g h', messages: [], tools: [] };
  expect(pairs.inspect(noted)).toMatchObject({ sequences: 1, tokens: 7, longest: 4, learned: 5 });
  // The longer of both answers, and of a source and its target, is what a step has room for.
  expect(pairs.inspect({ id: 'p', prompt: 'a', chosen: 'b c d', rejected: 'e' }).longest).toBe(5);
  await expect(
    inspectRows(join(folder, 'model'), { maxLength: 9, objective: { kind: 'classification' } }),
  ).rejects.toThrow('The objective classification needs a classifier, not a decoder.');
});

it('trains and evaluates a file of conversations, texts and completions', async () => {
  const rows = [
    ...Array.from({ length: 6 }, (_, i) => ({ ...chat('a b', 'b a', 'c d', 'd c'), id: `chat-${i}` })),
    { id: 'text', text: 'e f e f e f' },
    { id: 'completion', prompt: 'g h', completion: 'h g' },
  ];
  const file = join(folder, 'mixed.jsonl');
  await writeFile(file, jsonLines(rows));
  const base = tinySpec(folder);
  const spec: TrainSpec = {
    ...base,
    trainFile: file,
    validationFile: file,
    patience: undefined,
    validateEverySteps: 2,
    parameters: { ...base.parameters, maxSteps: 5 },
  };
  const steps: number[] = [];
  const result = await trainModel(spec, { onStep: ({ step }) => steps.push(step) }, { threads: 1 });
  expect(steps).toEqual([1, 2, 3, 4, 5]);
  expect(result).toMatchObject({ steps: 5, truncatedRows: 0, unsupervisedRows: 0 });
  const evaluation = await evaluateModel({ modelDir: spec.modelDir, adapterDir: spec.outputDir, dataFile: file });
  // 6 conversations of two answers (b a <eos>, d c <eos>), a text of 7 tokens but the first, a completion of 3.
  expect(evaluation).toMatchObject({ rows: 8, tokens: 6 * 6 + 6 + 3 });
  expect(evaluation.loss).toBeCloseTo(result.validationLoss!, 5);
});

it('counts a validation as better only when it improves by enough', async () => {
  const base = tinySpec(folder);
  const spec = { ...base, outputDir: join(folder, 'threshold'), patience: 1, minimumImprovement: 100 };
  const result = await trainModel(spec, {}, { threads: 1 });
  expect(result).toMatchObject({ stoppedEarly: true, bestStep: 6, steps: 12 });
});
