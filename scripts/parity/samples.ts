import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { readCommonsenseQa, type CommonsenseQuestion } from '../../datasets/commonsense-qa.js';
import { unescapeHtml } from '../../datasets/formats/unescape-html.js';
import type { LedgerEntry } from '../../datasets/formats/training-example.js';
import { readSentiment140, type Tweet } from '../../datasets/sentiment140.js';
import type { CaseRecorder } from './report.js';

interface TweetExpectation {
  count: number;
  bytes: number;
  label_counts: Record<string, number>;
  rows: Record<string, unknown>[];
}

interface QuestionExpectation {
  count: number;
  labelled: number;
  unlabelled: number;
  answer_key_counts: Record<string, number>;
  rows: Record<string, unknown>[];
}

/** sentiment140-sample.csv or commonsenseqa-sample.jsonl against the file of expectations beside it. */
export async function checkSample(file: string, record: CaseRecorder): Promise<void> {
  const expectation = file.replace(/-sample\.\w+$/, '-expected.json');
  const expected = JSON.parse(await readFile(expectation, 'utf8')) as TweetExpectation & QuestionExpectation;
  if (basename(file).startsWith('sentiment140')) await checkTweets(file, expected, record);
  else await checkQuestions(file, expected, record);
}

async function collect<T>(
  read: (path: string, onRejected: (entry: LedgerEntry) => void) => AsyncIterable<T>,
  file: string,
  record: CaseRecorder,
): Promise<T[]> {
  const rejected: LedgerEntry[] = [];
  const rows: T[] = [];
  for await (const row of read(file, (entry) => rejected.push(entry))) rows.push(row);
  record.equal('rejected', rejected, []);
  return rows;
}

function countBy<T>(rows: T[], keyOf: (row: T) => string | null): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of rows.map(keyOf).sort()) if (key !== null) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

async function checkTweets(file: string, expected: TweetExpectation, record: CaseRecorder): Promise<void> {
  const tweets = await collect<Tweet>(readSentiment140, file, record);
  record.equal('count', tweets.length, expected.count);
  record.equal('bytes', (await stat(file)).size, expected.bytes);
  record.equal(
    'label_counts',
    countBy(tweets, ({ label }) => label),
    sorted(expected.label_counts),
  );
  expected.rows.forEach((row, index) => {
    const tweet = tweets[index];
    const actual: Record<string, unknown> = {
      target: tweet?.polarity,
      label: tweet?.label,
      id: tweet?.id,
      date: tweet?.date,
      flag: tweet?.query,
      user: tweet?.user,
      text: tweet?.text,
      text_html_unescaped: unescapeHtml(tweet?.text ?? ''),
      iso_utc: tweet?.time,
    };
    // `text_windows1252` is what a wrong decoder would give.
    const fields = Object.keys(row).filter((field) => field !== 'text_windows1252');
    record.equal(`row-${index}`, pick(actual, fields), pick(row, fields));
  });
}

async function checkQuestions(file: string, expected: QuestionExpectation, record: CaseRecorder): Promise<void> {
  const questions = await collect<CommonsenseQuestion>(readCommonsenseQa, file, record);
  const answered = questions.filter(({ answerKey }) => answerKey !== null).length;
  record.equal('count', questions.length, expected.count);
  record.equal('labelled', answered, expected.labelled);
  record.equal('unlabelled', questions.length - answered, expected.unlabelled);
  record.equal(
    'answer_key_counts',
    countBy(questions, ({ answerKey }) => answerKey),
    sorted(expected.answer_key_counts),
  );
  expected.rows.forEach((row, index) => {
    const question = questions[index];
    const actual: Record<string, unknown> = {
      id: question?.id,
      concept: question?.concept,
      stem: question?.stem,
      labels: question?.labels,
      choices: question?.choices,
      answer_key: question?.answerKey,
      answer_index: question?.answerIndex,
      answer_text: question?.answerText,
    };
    // `split` says where in the made-up file a row lies; the file has no such field.
    const fields = Object.keys(row).filter((field) => field !== 'split');
    record.equal(`row-${index}`, pick(actual, fields), pick(row, fields));
  });
}

const pick = (row: Record<string, unknown>, fields: string[]): unknown[] => fields.map((field) => [field, row[field]]);

const sorted = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
