import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommonsenseQALoader } from '../../../../datasets/commonsense-qa.js';
import { FineTuningDataFormatter } from '../../../../datasets/formats/fine-tuning-data-formatter.js';
import type { LedgerEntry } from '../../../../datasets/formats/training-example.js';
import { unescapeHtml } from '../../../../datasets/formats/unescape-html.js';
import { readSentiment140, Sentiment140Loader } from '../../../../datasets/sentiment140.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-corpora-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const DATE = 'Mon May 11 03:17:40 UTC 2009';
const tweet = (polarity: number, id: number, text: string): string =>
  `"${polarity}","${id}","${DATE}","NO_QUERY","user","${text.replaceAll('"', '""')}"\n`;

async function tweets(content: string): Promise<string> {
  const path = join(folder, 'tweets.csv');
  await writeFile(path, Buffer.from(content, 'latin1'));
  return path;
}

describe('Sentiment140', () => {
  it('D2: gives back every latin-1 byte, quotes, commas and line ends inside a text', async () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    const path = await tweets(tweet(0, 1, bytes) + tweet(4, 2, 'a "b", c'));
    const rows = [];
    for await (const row of readSentiment140(path)) rows.push(row);
    expect(rows.map(({ text, line, label }) => ({ text, line, label }))).toEqual([
      { text: bytes, line: 1, label: 'negative' },
      { text: 'a "b", c', line: 3, label: 'positive' },
    ]);
    expect(Buffer.from(rows[0]!.text, 'latin1').length).toBe(256);
    expect(rows[0]!.time).toBe('2009-05-11T03:17:40Z');
  });

  it('D2: keeps a carriage return at the end of a quoted text, not that of the line end', async () => {
    const path = await tweets(tweet(0, 1, 'a\r') + tweet(4, 2, '\r').replace(/\n$/, '\r\n'));
    const texts = [];
    for await (const { text } of readSentiment140(path)) texts.push(text);
    expect(texts).toEqual(['a\r', '\r']);
  });

  it('D2: 500 samples of a file sorted by class hold both classes, the same ones for the same seed', async () => {
    let content = '';
    for (let index = 0; index < 3000; index++) content += tweet(index < 2400 ? 0 : 4, index, `text ${index}`);
    const path = await tweets(content + tweet(2, 9999, 'neutral'));
    const samples = await new Sentiment140Loader({ path, seed: 3 }).getSamples(500);
    const ids = samples.map(({ id }) => id);
    expect(new Set(ids).size).toBe(500);
    expect(samples.filter(({ label }) => label === 'positive')).toHaveLength(250);
    expect(samples.some(({ label }) => label === 'neutral')).toBe(false);
    expect((await new Sentiment140Loader({ path, seed: 3 }).getSamples(500)).map(({ id }) => id)).toEqual(ids);
    expect((await new Sentiment140Loader({ path, seed: 4 }).getSamples(500)).map(({ id }) => id)).not.toEqual(ids);
    const three = await new Sentiment140Loader({ path, neutral: true }).getSamples(9);
    expect(new Set(three.map(({ label }) => label))).toEqual(new Set(['negative', 'neutral', 'positive']));
  });

  it('tells each row of another shape', async () => {
    const path = await tweets(`${tweet(3, 1, 'x')}"0","1"\n\n${tweet(0, 2, 'ok')}"0","torn`);
    const rejected: LedgerEntry[] = [];
    const rows = [];
    for await (const row of readSentiment140(path, (entry) => rejected.push(entry))) rows.push(row);
    expect(rows.map(({ id }) => id)).toEqual(['2']);
    expect(rejected.map(({ line, field, reason }) => `${line} ${field} ${reason}`)).toEqual([
      '1 target is "3" instead of 0, 2 or 4',
      '2  has 2 fields instead of 6',
      '5  torn row: the file ends inside a quoted field',
    ]);
  });

  it('resolves character references once', () => {
    expect(unescapeHtml('&amp;amp; &lt;3 &#39;&#xE9;&#146;&unknown; &#0;')).toBe("&amp; <3 'é’&unknown; \ufffd");
    // Expected: html.unescape of Python 3.11.
    expect(unescapeHtml('&hearts;&eacute;&AMP;&frac12;&euro;&nbsp;x')).toBe('♥é&½€\u00a0x');
    expect(unescapeHtml('&amp &ltx &copy2 &notit; &notanentity; &hearts &#39x &#x2Dz')).toBe(
      "& <x ©2 ¬it; ¬anentity; &hearts 'x -z",
    );
    expect(unescapeHtml('&#1;&#11;&#127;&#xFFFE;&#xFDD0;&#x110000;&#xD800;&#13;&#x1F600;')).toBe('\ufffd\ufffd\r😀');
  });
});

describe('CommonsenseQA', () => {
  const choices = ['a', 'b'].map((text, index) => ({ label: 'BA'[index]!, text }));
  const raw = (id: string, answerKey?: string) => ({ id, answerKey, question: { stem: `s ${id}`, choices } });

  it('D1: reads both layouts, looks answers up by label and never samples unanswered questions', async () => {
    const hub = {
      id: 'h',
      question: 's',
      question_concept: 'c',
      choices: { label: ['A', 'B'], text: ['x', 'y'] },
      answerKey: 'B',
    };
    const rows = [
      raw('1', 'A'),
      hub,
      raw('2'),
      { ...hub, id: 'open', answerKey: '' },
      raw('3', 'C'),
      { ...hub, choices: { label: ['A'], text: ['x', 'y'] } },
    ];
    const path = join(folder, 'questions.jsonl');
    await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
    const rejected: LedgerEntry[] = [];
    const loader = new CommonsenseQALoader({ path, onRejected: (entry) => rejected.push(entry) });
    const samples = await loader.getSamples(10);
    expect(samples.map(({ id, answerIndex, answerText }) => [id, answerIndex, answerText]).sort()).toEqual([
      ['1', 1, 'b'],
      ['h', 1, 'y'],
    ]);
    expect(rejected.map(({ line, field }) => [line, field])).toEqual([
      [5, 'answerKey'],
      [6, 'choices'],
    ]);
    const [formatted] = new FineTuningDataFormatter().formatCommonsenseQa(samples.filter(({ id }) => id === '1'));
    expect(formatted).toMatchObject({ prompt: 'Question: s 1\nB. a\nA. b\nAnswer:', completion: ' A. b' });
  });
});

describe('FineTuningDataFormatter', () => {
  const formatter = new FineTuningDataFormatter();

  it('D3: splits 500 into 400 and 100, disjoint, the same for the same seed', () => {
    const rows = Array.from({ length: 500 }, (_, index) => ({
      id: `${index}`,
      text: 't',
      label: 0,
      group: `${index}`,
    }));
    const split = formatter.splitTrainEval(rows);
    expect([split.train.length, split.eval.length]).toEqual([400, 100]);
    const trained = new Set(split.train.map(({ id }) => id));
    expect(split.eval.some(({ id }) => trained.has(id))).toBe(false);
    expect(formatter.splitTrainEval(rows)).toEqual(split);
    expect(formatter.splitTrainEval(rows, { seed: 2 })).not.toEqual(split);
  });

  it('D3: duplicates go to one side', () => {
    const rows = Array.from({ length: 100 }, (_, index) => ({ id: `${index}`, group: `${index % 25}` }));
    const { train, eval: held } = formatter.splitTrainEval(rows);
    expect(held).toHaveLength(20);
    const groups = new Set(train.map(({ group }) => group));
    expect(held.some(({ group }) => groups.has(group))).toBe(false);
    expect(() => formatter.splitTrainEval(rows, { evalRatio: 1 })).toThrow('evalRatio is 1');
  });

  it('D3: tweets that differ by their character references alone go to one side', async () => {
    const texts = Array.from({ length: 50 }, (_, index) => [`a & b no ${index}`, ` a &amp; b no ${index}`]).flat();
    const path = await tweets(texts.map((text, index) => tweet(index % 4 ? 4 : 0, index, text)).join(''));
    const rows = [];
    for await (const row of readSentiment140(path)) rows.push(row);
    const { train, eval: held } = formatter.splitTrainEval(formatter.formatSentiment140(rows));
    expect(held).toHaveLength(20);
    const trained = new Set(train.map(({ text }) => text.trim()));
    expect(held.filter(({ text }) => trained.has(text.trim()))).toEqual([]);
  });
});
