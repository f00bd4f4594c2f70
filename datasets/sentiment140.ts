import { readLatin1Csv } from './formats/read-csv.js';
import type { LedgerEntry } from './formats/training-example.js';
import { sampleRows } from './formats/sample-rows.js';

const LABELS = { '0': 'negative', '2': 'neutral', '4': 'positive' } as const;

/** A row of Sentiment140 (Go, Bhayani and Huang, 2009): polarity, id, date, query, user, text; no header. */
export interface Tweet {
  /** 1-based line in the file. */
  line: number;
  polarity: 0 | 2 | 4;
  label: (typeof LABELS)[keyof typeof LABELS];
  /** As written; ids repeat in the corpus, so this is no key. */
  id: string;
  date: string;
  /** ISO 8601 in UTC; null when the date is written in another way. */
  time: string | null;
  query: string;
  user: string;
  /** As written, HTML character references included; never trimmed. */
  text: string;
}

export interface Sentiment140Options {
  path: string;
  /** Default 1. */
  seed?: number;
  /** Keeps the neutral tweets of the test file as a third class; default false. */
  neutral?: boolean;
  onRejected?: (entry: LedgerEntry) => void;
}

/** Streams the rows of a Sentiment140 file in their order; rows of another shape go to `onRejected`. */
export async function* readSentiment140(
  path: string,
  onRejected: (entry: LedgerEntry) => void = () => undefined,
): AsyncIterable<Tweet> {
  for await (const { line, fields, torn } of readLatin1Csv(path)) {
    const reject = (field: string, reason: string): void => onRejected({ file: path, line, field, reason });
    if (torn) {
      reject('', 'torn row: the file ends inside a quoted field');
      continue;
    }
    if (fields.length !== 6) {
      reject('', `has ${fields.length} fields instead of 6`);
      continue;
    }
    const [target, id, date, query, user, text] = fields as [string, string, string, string, string, string];
    if (!Object.hasOwn(LABELS, target)) {
      reject('target', `is "${target}" instead of 0, 2 or 4`);
      continue;
    }
    const label = LABELS[target as keyof typeof LABELS];
    yield { line, polarity: Number(target) as 0 | 2 | 4, label, id, date, time: timeOf(date), query, user, text };
  }
}

const ZONES: Readonly<Record<string, number>> = { UTC: 0, GMT: 0, PDT: 7, PST: 8 };
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** UTC of a date like `Mon May 11 03:17:40 PDT 2009`; the weekday is not looked at. */
function timeOf(date: string): string | null {
  const parts = /^\w{3} (\w{3}) (\d{2}) (\d{2}):(\d{2}):(\d{2}) (\w{3}) (\d{4})$/.exec(date);
  const month = parts === null ? -1 : MONTHS.indexOf(parts[1]!) / 3;
  const hours = ZONES[parts?.[6] ?? ''];
  if (parts === null || !Number.isInteger(month) || month < 0 || hours === undefined) return null;
  const [day, hour, minute, second, year] = [2, 3, 4, 5, 7].map((index) => Number(parts[index]));
  const time = Date.UTC(year!, month, day, hour! + hours, minute, second);
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

/** Seeded samples of a Sentiment140 file (row D2). */
export class Sentiment140Loader {
  static readonly datasetName = 'sentiment140';

  constructor(private readonly options: Sentiment140Options) {}

  /**
   * `n` tweets in random order, as many of each class as there are; fewer when the file is smaller. The file, which is
   * sorted by class, is streamed once.
   */
  getSamples(n: number): Promise<Tweet[]> {
    const { path, seed = 1, neutral = false, onRejected } = this.options;
    return sampleRows(keep(readSentiment140(path, onRejected), neutral), n, seed, (tweet) => tweet.label);
  }
}

async function* keep(tweets: AsyncIterable<Tweet>, neutral: boolean): AsyncIterable<Tweet> {
  for await (const tweet of tweets) if (neutral || tweet.label !== 'neutral') yield tweet;
}
