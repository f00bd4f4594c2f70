import type { DuckDBValue } from '@duckdb/node-api';
import type { ArtifactType, ExampleRow } from '../config/domain.js';
import type { Database } from './database.js';
import { fromRow, insertRows, type Fields } from './rows.js';
import type { TrialRow } from './types.js';

/** Stage tables whose rows belong to one round, with the column that identifies a row inside it. */
export const STAGE_KEYS = {
  rewards: 'event_id',
  curriculum: 'event_id',
  selections: 'event_id',
  examples: 'id',
  batches: 'id',
  trials: 'id',
  preference_pairs: 'id',
  feedback_sources: 'source',
  selection_slices: 'event_id',
  label_yields: 'event_id',
} as const;
export type StageTable = keyof typeof STAGE_KEYS;

/** Records a stage's rows of one round in their order; a row recorded before stays as it is. Returns the number of new rows. */
export function recordStage(
  database: Database,
  table: StageTable,
  loop: string,
  round: number,
  rows: readonly object[],
): Promise<number> {
  const fields: Fields[] = rows.map((row, position) => ({ ...row, loop, round, position }));
  return database.write((connection, columns) =>
    insertRows(connection, columns, table, fields, { key: ['loop', 'round', STAGE_KEYS[table]] }),
  );
}

/** A stage's rows of one round in the order they were recorded. */
export async function readStage<T>(database: Database, table: StageTable, loop: string, round: number): Promise<T[]> {
  return readAll(
    database,
    table,
    'loop = $1 AND round = $2',
    [loop, round],
    `position, ${STAGE_KEYS[table]}`,
    '* EXCLUDE (loop, round, position)',
  );
}

/** SQL: a row of the loop `$1` whose round still counts. */
export const NOT_SUPERSEDED = 'round NOT IN (SELECT round FROM superseded_rounds WHERE loop = $1)';

/**
 * All examples of a loop up to and including a round, in order; an example recorded in several rounds counts once, in its
 * first. Those of superseded rounds are left out.
 */
export function readExamples(
  database: Database,
  loop: string,
  uptoRound: number,
): Promise<(ExampleRow & { round: number })[]> {
  return readAll(
    database,
    'examples',
    `loop = $1 AND round <= $2 AND ${NOT_SUPERSEDED} QUALIFY row_number() OVER (PARTITION BY id ORDER BY round) = 1`,
    [loop, uptoRound],
    'round, position, id',
    '* EXCLUDE (loop, position), (SELECT ts FROM feedback_events event WHERE event.loop = examples.loop AND event.id = event_id) AS ts',
  );
}

/**
 * The complete trial with the lowest objective (the earlier one on a tie) of the newest round that counts and has one, or
 * null.
 * Rounds train on other rows: their objectives cannot be compared.
 */
export async function readBestTrial(
  database: Database,
  loop: string,
  artifactType: ArtifactType | 'all',
): Promise<(TrialRow & { round: number }) | null> {
  const [row] = await readAll<TrialRow & { round: number }>(
    database,
    'trials',
    `loop = $1 AND artifact_type = $2 AND state = 'complete' AND objective IS NOT NULL AND ${NOT_SUPERSEDED}`,
    [loop, artifactType],
    'round DESC, objective, number, id LIMIT 1',
    '* EXCLUDE (loop, position)',
  );
  return row ?? null;
}

/** Rows of a table as plain objects. `where`, `order` and `select` are SQL of this project, never of a user. */
export async function readAll<T>(
  database: Database,
  table: string,
  where: string,
  values: readonly DuckDBValue[],
  order: string,
  select = '*',
): Promise<T[]> {
  const rows = await database.read(`SELECT ${select} FROM ${table} WHERE ${where} ORDER BY ${order}`, values);
  const columns = (await database.columns()).get(table) ?? [];
  return rows.map((row) => fromRow<T>(row, columns));
}
