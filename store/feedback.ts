import { LIST, listValue, VARCHAR } from '@duckdb/node-api';
import type { FeedbackEvent, RejectedRow } from '../config/domain.js';
import { canonicalJson, sha256 } from '../config/hash.js';
import type { Database } from './database.js';
import { insertRows } from './rows.js';
import type { AppendResult, Ledger, StoredEvent } from './types.js';

const FIELDS =
  'seq, id, ts, input_data, ai_output, artifact_type, model_used, validation_score, feedback_type, context, corrected_output, rejected_output, implicit_action, source';

/** The ledger keeps at most this much of a refused row. */
const RAW_CHARACTERS = 4096;

/** Appends events to a loop's sequence; see {@link AppendResult}. `source` names the origin in the ledger. */
export function appendFeedback(
  database: Database,
  loop: string,
  events: readonly FeedbackEvent[],
  source: string,
): Promise<AppendResult> {
  return database.write(async (connection, columns) => {
    const hashes = events.map((event) => sha256(canonicalJson(event)));
    const known = new Map<string, { hash: string; seq: number }>();
    const stored = await connection.runAndReadAll(
      'SELECT id, content_sha256, seq FROM feedback_events WHERE loop = $1 AND id IN (SELECT unnest($2))',
      [loop, listValue(events.map((event) => event.id))],
      [VARCHAR, LIST(VARCHAR)],
    );
    for (const [id, hash, seq] of stored.getRowsJS() as [string, string, bigint][])
      known.set(id, { hash, seq: Number(seq) });
    const last = await connection.runAndReadAll('SELECT coalesce(max(seq), 0) FROM feedback_events WHERE loop = $1', [
      loop,
    ]);
    let seq = Number((last.getRowsJS()[0] as [bigint])[0]);

    const accepted: (FeedbackEvent & { loop: string; seq: number; content_sha256: string })[] = [];
    const refused: RejectedRow[] = [];
    let duplicates = 0;
    events.forEach((event, index) => {
      const hash = hashes[index] as string;
      const earlier = known.get(event.id);
      if (earlier === undefined) {
        seq += 1;
        known.set(event.id, { hash, seq });
        accepted.push({ ...event, loop, seq, content_sha256: hash });
      } else if (earlier.hash === hash) duplicates += 1;
      else {
        const reason = `another event with the id ${event.id} is stored in loop ${loop}; the first one stays`;
        refused.push({ source, line: 0, field: 'id', reason, raw: JSON.stringify(event) });
      }
    });
    await insertRows(connection, columns, 'feedback_events', accepted, { key: ['loop', 'id'] });
    const signals = accepted.filter(
      (event) => (event.rejected_output ?? event.implicit_action ?? event.source) !== undefined,
    );
    await insertRows(connection, columns, 'feedback_signals', signals, { key: ['loop', 'id'] });
    if (refused.length > 0) await rejectRows(database, refused);
    const places = [...known.values()].map((entry) => entry.seq);
    return {
      accepted: accepted.length,
      duplicates,
      conflicts: refused.length,
      firstSeq: places.reduce((least, place) => Math.min(least, place), places[0] ?? 0),
      lastSeq: places.reduce((most, place) => Math.max(most, place), 0),
    };
  });
}

/** Writes refused rows to the ledger; a row refused before for the same reason at the same place is the same entry. Returns the new entries. */
export function rejectRows(database: Database, rows: readonly RejectedRow[]): Promise<number> {
  const entries = rows.map((row) => {
    const { source, line, field, reason } = row;
    const raw = row.raw.slice(0, RAW_CHARACTERS);
    return { source, line, field, reason, raw, key: sha256(canonicalJson([source, line, field, reason, raw])) };
  });
  const unique = [...new Map(entries.map((entry) => [entry.key, entry])).values()];
  return database.write((connection, columns) =>
    insertRows(connection, columns, 'rejected_rows', unique, { key: ['key'] }),
  );
}

/** The ledger, ordered by source and line. */
export async function rejectedRows(database: Database, limit: number): Promise<RejectedRow[]> {
  const rows = await database.read(
    'SELECT source, line, field, reason, raw FROM rejected_rows ORDER BY source, line, field, reason, key LIMIT $1',
    [limit],
  );
  return rows as unknown as RejectedRow[];
}

/** Reasons that a look at the ledger names, and how much of a row it shows. */
const REASONS_SHOWN = 50;
const RAW_SHOWN = 200;

/** The ledger at a glance: reasons by frequency, and the newest rows. */
export async function readLedger(database: Database, limit: number): Promise<Ledger> {
  const [total] = await database.read('SELECT count(*) AS rows FROM rejected_rows');
  const reasons = await database.read(
    `SELECT source, field, regexp_replace(reason, '[0-9]+', '…', 'g') AS reason, count(*) AS rows
     FROM rejected_rows GROUP BY ALL ORDER BY rows DESC, source, field, reason LIMIT ${REASONS_SHOWN}`,
  );
  const newest = await database.read(
    `SELECT recorded_at AS at, source, line, field, reason, left(raw, ${RAW_SHOWN}) AS raw
     FROM rejected_rows ORDER BY recorded_at DESC, source, line DESC, key LIMIT $1`,
    [limit],
  );
  return { rows: total!.rows as number, reasons, newest } as unknown as Ledger;
}

/** Events with afterSeq < seq ≤ uptoSeq in order, at most `limit`. */
export async function readFeedback(
  database: Database,
  loop: string,
  afterSeq: number,
  uptoSeq: number,
  limit: number,
): Promise<StoredEvent[]> {
  const rows = await database.read(
    `SELECT ${FIELDS} FROM feedback_events LEFT JOIN feedback_signals USING (loop, id) WHERE loop = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`,
    [loop, BigInt(afterSeq), BigInt(Math.min(uptoSeq, Number.MAX_SAFE_INTEGER)), BigInt(limit)],
  );
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => [name, name === 'context' ? (JSON.parse(value as string) as unknown) : value]),
    ),
  ) as unknown as StoredEvent[];
}

/** Number of events after a cursor, and the newest place in the sequence (0 without events). */
export async function countFeedback(
  database: Database,
  loop: string,
  afterSeq: number,
): Promise<{ pending: number; lastSeq: number }> {
  const [row] = await database.read(
    'SELECT count(*) FILTER (seq > $2) AS pending, coalesce(max(seq), 0) AS last_seq FROM feedback_events WHERE loop = $1',
    [loop, BigInt(afterSeq)],
  );
  return { pending: row?.pending as number, lastSeq: row?.last_seq as number };
}
