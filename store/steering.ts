import { RatchetError } from '../config/errors.js';
import type { Database } from './database.js';
import { insertRows } from './rows.js';
import { NOT_SUPERSEDED, readAll } from './stages.js';
import { record } from './tracking.js';

/** A loop's state as somebody's request, or else the newest finished round, has left it; null for a loop without rounds. */
export async function readNewestState(database: Database, loop: string): Promise<unknown> {
  const [row] = await readAll<{ state: unknown }>(
    database,
    `(SELECT loop, round, 0 AS ordinal, summary AS state FROM rounds WHERE summary IS NOT NULL AND ${NOT_SUPERSEDED}
      UNION ALL SELECT loop, round, ordinal, state FROM steered_states)`,
    'loop = $1',
    [loop],
    'round DESC, ordinal DESC LIMIT 1',
    'state',
  );
  return row === undefined ? null : JSON.parse(row.state as string);
}

/**
 * The state that a round of the loop left behind.
 * @throws RatchetError `E_NOT_FOUND` for a round that is not finished or does not count any more
 */
export async function readStateAfter(database: Database, loop: string, round: number): Promise<unknown> {
  const [row] = await readAll<{ summary: unknown }>(
    database,
    'rounds',
    `loop = $1 AND round = $2 AND summary IS NOT NULL AND ${NOT_SUPERSEDED}`,
    [loop, round],
    'round',
    'summary',
  );
  if (row !== undefined) return row.summary;
  throw new RatchetError('E_NOT_FOUND', `The loop ${loop} has no finished round ${round} that still counts.`, {
    hint: '`npx ratchet loop status` lists its rounds; 0 is the base model.',
  });
}

/**
 * Marks all rounds after `round` up to `begun`, or to the newest one that the store knows, as superseded, which ends the
 * time of a running one. Returns the numbers that are new among them, and the highest number that has been given.
 */
export function supersede(
  database: Database,
  loop: string,
  span: { round: number; begun: number },
  request: string,
): Promise<{ added: number[]; newest: number }> {
  return database.write(async (connection, columns) => {
    const [row] = await database.read(
      `SELECT coalesce(max(round), 0) AS newest,
         (SELECT list(round) FROM superseded_rounds WHERE loop = $1) AS known FROM rounds WHERE loop = $1`,
      [loop],
    );
    const known = new Set((row?.['known'] as number[] | null) ?? []);
    const newest = Math.max(span.begun, Number(row?.['newest']), ...known);
    const later = Array.from({ length: Math.max(0, newest - span.round) }, (_, place) => span.round + 1 + place);
    const added = later.filter((round) => !known.has(round));
    const rows = added.map((round) => ({ loop, round, request }));
    await insertRows(connection, columns, 'superseded_rounds', rows, { key: ['loop', 'round'] });
    await connection.run(
      'UPDATE rounds SET finished_at = now() WHERE loop = $1 AND round > $2 AND finished_at IS NULL',
      [loop, span.round],
    );
    return { added, newest };
  });
}

/** Keeps a state that the loop was put into; it holds until a round with a higher number is finished. */
export function recordSteeredState(
  database: Database,
  loop: string,
  request: string,
  state: { round: number },
): Promise<void> {
  return database.write(async () => {
    const [row] = await database.read('SELECT count(*) AS n FROM steered_states WHERE loop = $1', [loop]);
    const ordinal = Number(row?.['n']) + 1;
    await record(database, 'steered_states', [{ loop, ordinal, request, round: state.round, state }], {
      key: ['loop', 'ordinal'],
    });
  });
}

/** Whether a round does not count any more. */
export async function isSuperseded(database: Database, loop: string, round: number): Promise<boolean> {
  const rows = await database.read('SELECT 1 FROM superseded_rounds WHERE loop = $1 AND round = $2', [loop, round]);
  return rows.length > 0;
}
