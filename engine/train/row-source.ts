import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRatchetError, RatchetError } from '../../config/errors.js';
import type { CausalRow, TrainingRow, UnfitRow } from '../api.js';
import type { ClassifierConfig, ModelConfig } from '../nn/config.js';
import { isPreference, type ObjectiveSpec, type PreferenceRow } from '../objectives/objective-spec.js';
import type { TextTokenizer } from '../tokenizer/tokenizer.js';
import { padRight } from './batch-plan.js';
import { endOf, requireKnown, tokenizeRows, type Encoder } from './encode-rows.js';
import { IGNORED, type MicroBatch } from './loss.js';
import { readCausalRows, readRows, readTrainingRows, type TokenRow } from './training-rows.js';

/** Rows as tokens. */
interface EncodedRows {
  rows: EncodedRow[];
  /** Rows that were cut to the longest allowed. */
  truncated: number;
  /** Rows left out because there is nothing in them to learn. */
  unsupervised: number;
}

/** Rows of a file as tokens. */
export interface LoadedRows extends EncodedRows {
  /** Rows left out because they cannot be encoded. */
  unfit: UnfitRow[];
}

/** How the rows of one objective are read, and padded into a batch. */
export interface RowSource {
  /** Leaves out rows that cannot be encoded if asked to, unless none is left. */
  load(file: string, leaveOutUnfit?: boolean): Promise<LoadedRows>;
  /** The tokens of rows as the objective reads them from a file, checked as such. */
  encode(rows: readonly { id: string }[]): EncodedRows;
  pad(rows: readonly TokenRow[], batch: number, maxPositions: number): MicroBatch;
}

/** A row with what its objective needs besides. */
export type EncodedRow = TokenRow & Partial<Pick<PairRow, 'rejected'> & Pick<TargetRow, 'target'>>;

/** A pair: `tokens` are the prompt and the chosen answer. */
interface PairRow extends TokenRow {
  rejected: TokenRow;
  /** Log-probabilities of both under the reference, once known. */
  references?: [chosen: number, rejected: number];
}

/** A source text (`tokens`) and what to answer. */
interface TargetRow extends TokenRow {
  target: number[];
}

const bad = (message: string, hint: string) => new RatchetError('E_DATA_INVALID', message, { hint });

/** Tokens of the longest sequence of a row: its own, the rejected answer's or the target's. */
export const longestOf = ({ tokens, rejected, target }: EncodedRow): number =>
  Math.max(tokens.length, rejected?.tokens.length ?? 0, target?.length ?? 0);

/** What a model is made for. */
export const objectiveOf = ({ kind }: ModelConfig): ObjectiveSpec =>
  (
    ({
      decoder: { kind: 'causal' },
      classifier: { kind: 'classification' },
      'encoder-decoder': { kind: 'seq2seq' },
    }) as const
  )[kind];

/** The rows an objective wants. @throws RatchetError `E_CONFIG_INVALID` when the model cannot be trained for it */
export function rowSource(spec: ObjectiveSpec, encoder: Encoder): RowSource {
  const { config, tokenizer, maxLength } = encoder;
  const kinds = { classification: 'classifier', seq2seq: 'encoder-decoder' } as const;
  const wanted = kinds[spec.kind as keyof typeof kinds] ?? 'decoder';
  if (config.kind !== wanted)
    throw new RatchetError('E_CONFIG_INVALID', `The objective ${spec.kind} needs a ${wanted}, not a ${config.kind}.`, {
      hint: 'Leave the objective out to train the model for what it is made for.',
    });
  if (config.kind === 'classifier')
    return source(readTrainingRows, (rows) => classRows(rows, tokenizer, config, maxLength), padClasses);
  if (config.kind === 'encoder-decoder')
    return source(readTrainingRows, (rows) => targetRows(rows, encoder), padTargets);
  if (!isPreference(spec)) return source(readCausalRows, (rows) => tokenizeRows(rows, encoder), padRight);
  const readPairs = (file: string) => readRows<PreferenceRow>(file, ['id', 'prompt', 'chosen', 'rejected']);
  return source(readPairs, (rows) => pairRows(rows, encoder), padPairs);
}

function source<Row extends CausalRow | PreferenceRow>(
  read: (file: string) => Promise<Row[]>,
  encode: (rows: readonly Row[]) => EncodedRows,
  pad: RowSource['pad'],
): RowSource {
  return {
    load: async (file, leaveOutUnfit = false) => {
      const { unfit, ...encoded } = encodeFit(await read(file), encode, leaveOutUnfit);
      return { ...supervised(file, encoded), unfit };
    },
    encode: (rows) => encode(rows as readonly Row[]),
    pad,
  };
}

/** All rows at once; one by one only if that fails, to tell which of them are to blame. */
function encodeFit<Row extends { id: string }>(
  rows: readonly Row[],
  encode: (rows: readonly Row[]) => EncodedRows,
  leaveOutUnfit: boolean,
): LoadedRows {
  try {
    return { ...encode(rows), unfit: [] };
  } catch (error) {
    if (!leaveOutUnfit || !isInvalidData(error)) throw error;
    const unfit = rows.flatMap((row) => whyUnfit(row, encode));
    if (unfit.length === rows.length) throw error;
    const ids = new Set(unfit.map(({ id }) => id));
    return { ...encode(rows.filter(({ id }) => !ids.has(id))), unfit };
  }
}

function whyUnfit<Row extends { id: string }>(row: Row, encode: (rows: readonly Row[]) => EncodedRows): UnfitRow[] {
  try {
    encode([row]);
    return [];
  } catch (error) {
    if (!isInvalidData(error)) throw error;
    return [{ id: row.id, reason: error.message.replace(`Row "${row.id}": `, '') }];
  }
}

const isInvalidData = (error: unknown): error is RatchetError =>
  isRatchetError(error) && error.code === 'E_DATA_INVALID';

function supervised(file: string, loaded: EncodedRows): EncodedRows {
  if (loaded.rows.length > 0) return loaded;
  throw bad(`${file}: none of its ${loaded.unsupervised} rows has a token to learn.`, 'Give the rows answers.');
}

function pairRows(rows: readonly PreferenceRow[], encoder: Encoder): EncodedRows {
  const side = (completion: 'chosen' | 'rejected') =>
    tokenizeRows(
      // Only what belongs to a pair: a field such as "text" would make another kind of row of it.
      rows.map(({ id, prompt, fromTemplate, weight, ...answers }) => ({
        id,
        prompt,
        fromTemplate,
        weight,
        completion: answers[completion],
      })),
      encoder,
    );
  const [chosen, rejected] = [side('chosen'), side('rejected')];
  const other = new Map(rejected.rows.map((row) => [row.id, row]));
  if (other.size !== rejected.rows.length)
    throw bad('Two preference rows have the same id.', 'Give each row its own id.');
  const pairs = chosen.rows.flatMap((row): PairRow[] => {
    const worse = other.get(row.id);
    return worse ? [{ ...row, rejected: worse }] : [];
  });
  return {
    rows: pairs,
    truncated: Math.max(chosen.truncated, rejected.truncated),
    unsupervised: rows.length - pairs.length,
  };
}

function padPairs(rows: readonly TokenRow[], batch: number, maxPositions: number): MicroBatch {
  const pairs = rows as readonly PairRow[];
  const empty: TokenRow = { id: '', tokens: [], promptLength: 0 };
  const filled = (side: readonly TokenRow[]) => [...side, ...Array.from({ length: batch - side.length }, () => empty)];
  const both = [...filled(pairs), ...filled(pairs.map(({ rejected }) => rejected))];
  const references = new Float32Array(2 * batch);
  for (const [i, pair] of pairs.entries()) {
    references[i] = pair.references?.[0] ?? 0;
    references[batch + i] = pair.references?.[1] ?? 0;
  }
  return { ...padRight(both, 2 * batch, maxPositions), references };
}

/** Notes the reference's log-probabilities of every pair, once before a training; it ends where `measure` throws. */
export async function noteReferences(
  rows: readonly TokenRow[],
  batchSize: number,
  maxPositions: number,
  measure: (batch: MicroBatch) => Promise<Float32Array>,
): Promise<void> {
  const pairs = (rows as PairRow[]).toSorted((a, b) => a.tokens.length - b.tokens.length);
  for (let start = 0; start < pairs.length; start += batchSize) {
    const part = pairs.slice(start, start + batchSize);
    const found = await measure(padPairs(part, batchSize, maxPositions));
    for (const [i, pair] of part.entries()) pair.references = [found[i]!, found[batchSize + i]!];
    await nextTurn();
  }
}

function classRows(
  rows: readonly TrainingRow[],
  tokenizer: TextTokenizer,
  config: ClassifierConfig,
  maxLength: number,
): EncodedRows {
  const limit = Math.min(maxLength, config.maxPositions);
  let truncated = 0;
  const loaded = rows.map(({ id, prompt, completion, weight }): TargetRow => {
    const label = classOf(config, completion);
    if (label === null)
      throw bad(`Row "${id}": the model has no class "${completion}".`, `Its classes are ${config.labels.join(', ')}.`);
    let tokens = tokenizer.encode(prompt, { addSpecialTokens: true });
    if (tokens.length > limit) {
      tokens = [...tokens.slice(0, limit - 1), tokens.at(-1)!];
      truncated++;
    }
    return { id, tokens, promptLength: tokens.length, target: [label], ...(weight !== undefined && { weight }) };
  });
  return { rows: loaded, truncated, unsupervised: 0 };
}

/** The index of a class that is named or numbered; null where the model has none such. */
function classOf({ labels }: ClassifierConfig, text: string): number | null {
  if (labels.includes(text)) return labels.indexOf(text);
  return /^\d+$/.test(text) && Number(text) < labels.length ? Number(text) : null;
}

function padClasses(rows: readonly TokenRow[], batch: number, maxPositions: number): MicroBatch {
  const labels = new Int32Array(batch).fill(IGNORED);
  for (const [i, { target }] of (rows as readonly TargetRow[]).entries()) labels[i] = target[0]!;
  return { ...padRight(rows, batch, maxPositions), labels };
}

/** Sources with what to answer; a longer source is cut, its last token stays. */
export function targetRows(
  rows: readonly TrainingRow[],
  { tokenizer, config, maxLength }: Encoder,
): { rows: TargetRow[]; truncated: number; unsupervised: number } {
  const end = endOf({ config, tokenizer });
  let truncated = 0;
  const loaded = rows.map(({ id, prompt, completion, weight }): TargetRow => {
    let tokens = tokenizer.encode(prompt, { addSpecialTokens: true });
    const target = tokenizer.encode(completion);
    if (end !== null) target.push(end);
    if (target.length === 0) throw bad(`Row "${id}": there is no token to learn.`, 'Give the row a completion.');
    if (target.length > maxLength)
      throw bad(
        `Row "${id}": its completion has ${target.length} tokens, and a row may have ${maxLength}.`,
        'Raise maxLength.',
      );
    if (tokens.length > maxLength) {
      tokens = [...tokens.slice(0, maxLength - 1), tokens.at(-1)!];
      truncated++;
    }
    for (const part of [tokens, target]) requireKnown(id, part, config.vocabularySize);
    return { id, tokens, promptLength: tokens.length, target, ...(weight !== undefined && { weight }) };
  });
  return { rows: loaded, truncated, unsupervised: 0 };
}

/** Relative positions have no end: only `maxLength` limits source and target. */
function padTargets(rows: readonly TokenRow[], batch: number): MicroBatch {
  const targets = (rows as readonly TargetRow[]).map(({ id, target }) => ({ id, tokens: target, promptLength: 0 }));
  const { labels } = padRight(targets, batch, Infinity);
  return { ...padRight(rows, batch, Infinity), labels };
}
