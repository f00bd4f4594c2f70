import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadTrainingFile, type LoadTrainingOptions } from '../../../../datasets/formats/load-training-file.js';
import type { LedgerEntry, TrainingExample } from '../../../../datasets/formats/training-example.js';
import { readTable } from '../../../../store/read-table.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-formats-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function load(name: string, content: string | Buffer | null, options: Partial<LoadTrainingOptions> = {}) {
  const path = join(folder, name);
  if (content !== null) await writeFile(path, content);
  const examples: TrainingExample[] = [];
  const rejected: Omit<LedgerEntry, 'file'>[] = [];
  const report = await loadTrainingFile(path, {
    onExample: (example) => void examples.push(example),
    onRejected: ({ file, ...entry }) => {
      expect(file).toBe(path);
      rejected.push(entry);
    },
    ...options,
  });
  expect(report.kept).toBe(examples.length);
  expect(report.read).toBe(examples.length + rejected.length);
  return { examples, rejected, report };
}

const jsonl = (...rows: unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

describe('loadTrainingFile', () => {
  it('reads prompts and completions and says why it took the file for that', async () => {
    const { examples, report } = await load('a.jsonl', jsonl({ id: 7, prompt: 'p', completion: 'c' }));
    expect(examples).toEqual([{ kind: 'completion', id: '7', prompt: 'p', completion: 'c' }]);
    expect(report).toMatchObject({
      format: 'prompt-completion',
      because: 'line 1 has the fields prompt and completion',
      dropped: {},
    });
  });

  it('reads texts with a class, by name or number, and tells the line of each', async () => {
    const lines: number[] = [];
    const path = join(folder, 'classes.jsonl');
    await writeFile(
      path,
      jsonl({ text: 'good', label: 'positive' }, { text: 'bad', label: 0 }, { text: 'so', label: 0.5 }),
    );
    const examples: TrainingExample[] = [];
    const report = await loadTrainingFile(path, {
      onExample: (example, line) => void (examples.push(example), lines.push(line)),
      onRejected: ({ field, reason }) => expect([field, reason]).toEqual(['label', 'is not a text']),
    });
    expect(examples).toEqual([
      { kind: 'classification', id: 'classes.jsonl:1', text: 'good', label: 'positive' },
      { kind: 'classification', id: 'classes.jsonl:2', text: 'bad', label: '0' },
    ]);
    expect(lines).toEqual([1, 2]);
    expect(report).toMatchObject({ format: 'classification', read: 3, kept: 2 });
  });

  it('writes Alpaca rows with the prompt of Stanford, and rows with a history as conversations', async () => {
    const { examples } = await load(
      'a.json',
      JSON.stringify([
        { instruction: 'Add.', input: '1 2', output: '3' },
        { instruction: 'Say hi.', input: '', output: 'hi' },
        { instruction: 'And now?', output: 'bye', system: 'Be brief.', history: [['q', 'a']] },
      ]),
    );
    expect(examples).toEqual([
      {
        kind: 'completion',
        id: 'a.json:1',
        prompt:
          'Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n',
        completion: '3',
      },
      {
        kind: 'completion',
        id: 'a.json:2',
        prompt:
          'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nSay hi.\n\n### Response:\n',
        completion: 'hi',
      },
      {
        kind: 'chat',
        id: 'a.json:3',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'q' },
          { role: 'assistant', content: 'a' },
          { role: 'user', content: 'And now?' },
          { role: 'assistant', content: 'bye' },
        ],
      },
    ]);
  });

  it('repairs ShareGPT conversations and counts the repairs', async () => {
    const turn = (from: string, value: string) => ({ from, value });
    const { examples, rejected, report } = await load(
      'a.jsonl',
      jsonl(
        {
          conversations: [
            turn('gpt', 'early'),
            turn('human', 'a'),
            turn('human', 'b'),
            turn('gpt', 'c'),
            turn('human', 'd'),
          ],
        },
        { conversations: [turn('human', 'only a question')] },
        { conversations: [turn('alien', 'x')] },
        { conversations: [] },
      ),
    );
    expect(examples).toEqual([
      {
        kind: 'chat',
        id: 'a.jsonl:1',
        messages: [
          { role: 'user', content: 'a\n\nb' },
          { role: 'assistant', content: 'c' },
        ],
      },
    ]);
    expect(Object.keys(report.repaired)).toEqual([
      'left out an answer before the first question',
      'joined neighbouring turns of one speaker',
      'left out turns after the last answer',
    ]);
    expect(rejected).toEqual([
      { line: 2, field: 'conversations', reason: 'has no answer of the assistant to learn' },
      {
        line: 3,
        field: 'conversations[0].from',
        reason: 'is "alien", none of system, human, user, gpt, assistant, function_call, observation, tool',
      },
      { line: 4, field: 'conversations', reason: 'has no answer of the assistant to learn' },
    ]);
  });

  it('leaves out empty turns of ShareGPT conversations and says which turn has no text', async () => {
    const human = { from: 'human', value: 'q' };
    const answer = { from: 'gpt', value: 'a' };
    const { examples, rejected, report } = await load(
      'a.jsonl',
      jsonl(
        { conversations: [human, answer, human, { from: 'gpt', value: ' ' }, { from: 'human', value: 'r' }, answer] },
        { conversations: [human, { from: 'function_call', value: 'f()' }, { from: 'observation', value: '' }, answer] },
        { conversations: [human, { from: 'gpt', value: '' }] },
        { conversations: [human, { from: 'gpt' }] },
        { conversations: [human, { from: 'gpt', value: null }] },
      ),
    );
    const told = examples.map((example) =>
      'messages' in example ? example.messages.map(({ content }) => content) : [],
    );
    expect(told).toEqual([
      ['q', 'a', 'q\n\nr', 'a'],
      ['q', 'f()', '', 'a'],
    ]);
    expect(report.repaired).toEqual({ 'left out an empty turn': 1, 'joined neighbouring turns of one speaker': 1 });
    expect(rejected).toEqual([
      { line: 3, field: 'conversations', reason: 'has no answer of the assistant to learn' },
      { line: 4, field: 'conversations[1].value', reason: 'is missing' },
      { line: 5, field: 'conversations[1].value', reason: 'is not a text' },
    ]);
  });

  it('reads messages with parts, tool calls and weights; refuses what cannot be learned', async () => {
    const user = { role: 'user', content: 'q' };
    const call = { id: '1', function: { name: 'f', arguments: '{}' } };
    const { examples, rejected } = await load(
      'a.jsonl',
      jsonl(
        {
          messages: [
            {
              role: 'developer',
              content: [
                { type: 'text', text: 'be ' },
                { type: 'text', text: 'kind' },
              ],
            },
            user,
            { role: 'assistant', content: null, tool_calls: [call] },
          ],
        },
        { messages: [user, { role: 'assistant', content: 'a', weight: 0 }] },
        { messages: [user, { role: 'assistant', content: null }] },
        { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      ),
    );
    expect(examples).toEqual([
      {
        kind: 'chat',
        id: 'a.jsonl:1',
        messages: [
          { role: 'system', content: 'be kind' },
          { role: 'user', content: 'q' },
          { role: 'assistant', content: '', tool_calls: [call] },
        ],
      },
    ]);
    expect(rejected.map(({ line, field, reason }) => `${line} ${field}: ${reason}`)).toEqual([
      '2 messages: has no answer of the assistant to learn',
      '3 messages[1].content: is null without tool calls',
      '4 messages[0].content[0].type: is "image_url"; only text can be trained on',
    ]);
  });

  it('reads preference pairs of texts and of conversations', async () => {
    const user = { role: 'user', content: 'q' };
    const says = (content: string) => ({ role: 'assistant', content });
    const { examples, rejected } = await load(
      'a.jsonl',
      jsonl(
        { prompt: 'p', chosen: 'good', rejected: 'bad' },
        { chosen: [user, says('good')], rejected: [user, says('bad')] },
        { prompt: 'p', chosen: 'same', rejected: 'same' },
        { chosen: [user, says('x')], rejected: [says('y')] },
      ),
    );
    expect(examples).toEqual([
      { kind: 'preference', id: 'a.jsonl:1', prompt: 'p', chosen: 'good', rejected: 'bad' },
      { kind: 'preference', id: 'a.jsonl:2', prompt: [user], chosen: 'good', rejected: 'bad' },
    ]);
    expect(rejected.map(({ line, field }) => [line, field])).toEqual([
      [3, 'rejected'],
      [4, 'rejected'],
    ]);
  });

  it('takes each line of a text file, also one that starts like a list', async () => {
    const { examples } = await load('a.txt', '\ufeff[1] one\r\n\r\ntwo\u2028still two\n');
    expect(examples).toEqual([
      { kind: 'text', id: 'a.txt:1', text: '[1] one' },
      { kind: 'text', id: 'a.txt:2', text: 'two\u2028still two' },
    ]);
  });

  it('keeps count of every bad row: torn, repeated, empty, not UTF-8, half a surrogate pair', async () => {
    const good = '{"id":"a","text":"x\u2028y"}';
    const bytes = Buffer.concat([
      Buffer.from(`\ufeff${good}\r\n\r\n${good}\r\n`),
      Buffer.from('{"text":"\\ud800"}\n{"text":" "}\n{"other":1}\n'),
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      Buffer.from('[1]\n{"text":"to'),
    ]);
    const { examples, rejected, report } = await load('a.jsonl', bytes);
    expect(examples).toEqual([{ kind: 'text', id: 'a', text: 'x\u2028y' }]);
    expect(rejected).toEqual([
      { line: 3, field: 'id', reason: 'repeats the one on line 1' },
      { line: 4, field: 'text', reason: 'holds half of a surrogate pair' },
      { line: 5, field: 'text', reason: 'is empty' },
      { line: 6, field: 'text', reason: 'is missing' },
      { line: 7, field: '', reason: expect.stringContaining('invalid UTF-8 at byte') as string },
      { line: 8, field: '', reason: 'not a JSON object' },
      { line: 9, field: '', reason: 'torn record: the file ends inside it' },
    ]);
    expect(Object.values(report.dropped).reduce((sum, n) => sum + n, 0)).toBe(7);
  });

  it('reads a line of 10 MB and refuses one above the limit', async () => {
    const text = 'x'.repeat(10_000_000);
    const content = jsonl({ text }, { text: 'short' });
    const { examples } = await load('a.jsonl', content);
    expect(examples.map((example) => (example.kind === 'text' ? example.text.length : 0))).toEqual([10_000_000, 5]);
    const limited = await load('a.jsonl', null, { maxLineBytes: 1000 });
    expect(limited.rejected).toEqual([
      { line: 1, field: '', reason: 'record of 10000011 bytes; at most 1000 are read' },
    ]);
  });

  it('reads Parquet and CSV through DuckDB', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const parquet = join(folder, 'a.parquet');
    await connection.run(
      `COPY (SELECT 1::BIGINT AS id, [{'role': 'user', 'content': 'q', 'weight': 1::BIGINT}, {'role': 'assistant', 'content': 'a', 'weight': 1::BIGINT}] AS messages) TO '${parquet}' (FORMAT parquet)`,
    );
    instance.closeSync();
    const { examples } = await load('a.parquet', null, { readTable });
    expect(examples).toEqual([
      {
        kind: 'chat',
        id: '1',
        messages: [
          { role: 'user', content: 'q', weight: 1 },
          { role: 'assistant', content: 'a', weight: 1 },
        ],
      },
    ]);
    const table = await load('a.csv', 'prompt,completion\n"say ""hi"", please",hi\nno answer,\n', { readTable });
    expect(table.examples).toEqual([
      { kind: 'completion', id: 'a.csv:1', prompt: 'say "hi", please', completion: 'hi' },
    ]);
    expect(table.rejected).toEqual([{ line: 3, field: 'completion', reason: 'is not a text' }]);
    await expect(load('b.parquet', 'no parquet', { readTable })).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
    await expect(load('a.csv', null)).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('says which formats it knows when a file has none of them', async () => {
    await expect(load('a.jsonl', jsonl({ foo: 1 }))).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringContaining('has rows with the fields foo') as string,
      hint: expect.stringContaining('prompt + completion') as string,
    });
    await expect(load('missing.jsonl', null)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});
