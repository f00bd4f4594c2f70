import type { CurriculumState, EvaluationRow } from '../config/domain.js';
import { RatchetError } from '../config/errors.js';
import { canonicalJson, sha256 } from '../config/hash.js';
import type { Database } from './database.js';
import { insertRows, type Conflict, type Fields } from './rows.js';
import type {
  AuditEntry,
  Lineage,
  ModelVersionRow,
  RecordedAudit,
  RoundFinish,
  RoundRow,
  RoundStart,
  Statistics,
} from './types.js';
import { NOT_SUPERSEDED, readAll } from './stages.js';

const FINISH_COLUMNS = [
  'status',
  'curriculum_stage',
  'labels',
  'examples',
  'training_run_id',
  'model_version_id',
  'promoted',
  'score',
  'success_rate',
  'edge_score',
  'train_loss',
  'validation_loss',
  'milliseconds',
  'reason',
  'summary',
];

/** Inserts rows of one table in a transaction of its own or the surrounding one. */
export function record(
  database: Database,
  table: string,
  rows: readonly Fields[],
  conflict: Conflict,
): Promise<number> {
  return database.write((connection, columns) => insertRows(connection, columns, table, rows, conflict));
}

/** Opens a round. One that was begun before and never finished runs from now on; a finished one stays as it is. */
export function startRound(database: Database, loop: string, round: number, fields: RoundStart): Promise<void> {
  return database.write(async (connection, columns) => {
    const row = { ...fields, loop, round, status: 'running' };
    const added = await insertRows(connection, columns, 'rounds', [row], { key: ['loop', 'round'] });
    if (added > 0) return;
    await connection.run(
      "UPDATE rounds SET started_at = now(), finished_at = NULL WHERE loop = $1 AND round = $2 AND status = 'running'",
      [loop, round],
    );
  });
}

/** Place of a round's last event; null before the round has taken any. */
export async function readUptoSeq(database: Database, loop: string, round: number): Promise<number | null> {
  const [row] = await database.read('SELECT upto_seq FROM rounds WHERE loop = $1 AND round = $2', [loop, round]);
  return (row?.upto_seq as number | null | undefined) ?? null;
}

/** Notes the place of a round's last event; the first one stays. */
export async function recordUptoSeq(database: Database, loop: string, round: number, uptoSeq: number): Promise<void> {
  await record(database, 'rounds', [{ loop, round, uptoSeq, status: 'running' }], {
    key: ['loop', 'round'],
    update: ['upto_seq'],
    where: 'rounds.upto_seq IS NULL',
  });
}

/**
 * Ends the time of rounds that a loop which starts anew has left open: at the moment it was stopped at once, if that was
 * noted, else now. Their numbers can still be played.
 */
export async function closeAbandonedRounds(database: Database, loop: string): Promise<void> {
  await database.write((connection) =>
    connection.run(
      `UPDATE rounds SET finished_at = coalesce(
         (SELECT max(recorded_at) FROM audit
          WHERE audit.loop = $1 AND action = 'stop' AND (details->>'now') = 'true' AND recorded_at >= started_at), now())
       WHERE loop = $1 AND finished_at IS NULL`,
      [loop],
    ),
  );
}

/** Closes a round (and opens it if need be); the first result stays, but a failed round may still be completed. */
export function finishRound(database: Database, loop: string, round: number, fields: RoundFinish): Promise<void> {
  return database.write(async (connection, columns) => {
    const row = { status: 'completed', ...fields, loop, round };
    const changed = await insertRows(connection, columns, 'rounds', [row], {
      key: ['loop', 'round'],
      update: FINISH_COLUMNS,
      where: "rounds.status = 'running' OR (rounds.status = 'failed' AND excluded.status = 'completed')",
    });
    if (changed > 0)
      await connection.run('UPDATE rounds SET finished_at = now() WHERE loop = $1 AND round = $2', [loop, round]);
  });
}

/** All rounds of a loop in order. */
export function readRounds(database: Database, loop: string): Promise<RoundRow[]> {
  return readAll(database, 'rounds', 'loop = $1', [loop], 'round');
}

/** Stores the curriculum's state after a round; the first one stays. */
export async function recordCurriculumState(
  database: Database,
  loop: string,
  round: number,
  state: CurriculumState,
): Promise<void> {
  await record(database, 'curriculum_states', [{ ...state, loop, round }], { key: ['loop', 'round'] });
}

/** The curriculum's newest state, or null before the first round. */
export async function readCurriculumState(database: Database, loop: string): Promise<CurriculumState | null> {
  const [row] = await readAll<CurriculumState>(
    database,
    'curriculum_states',
    `loop = $1 AND ${NOT_SUPERSEDED}`,
    [loop],
    'round DESC LIMIT 1',
  );
  return row === undefined ? null : { stage: row.stage, streak: row.streak, history: row.history };
}

/** Makes one version the loop's champion and notes it in the audit trail. Returns false when it was the champion already. */
export function setChampion(database: Database, loop: string, id: string, reason: string): Promise<boolean> {
  return database.write(async (connection, columns) => {
    const before = await readChampion(database, loop);
    if (before?.id === id) return false;
    const [known] = await readAll(database, 'model_versions', 'loop = $1 AND id = $2', [loop, id], 'id');
    if (known === undefined)
      throw new RatchetError('E_NOT_FOUND', `loop ${loop} has no model version ${id}`, {
        hint: 'Record the version first; `SELECT id FROM model_versions` lists them.',
      });
    await connection.run('UPDATE model_versions SET champion = (id = $2) WHERE loop = $1', [loop, id]);
    const entry = auditRow({
      loop,
      actor: 'loop',
      action: 'setChampion',
      subject: id,
      details: { reason, before: before?.id ?? null },
    });
    await insertRows(connection, columns, 'audit', [entry], { key: ['key'] });
    return true;
  });
}

/** Makes a version (null: the base model) the champion, without a word in the audit trail; returns the one before. */
export function moveChampion(database: Database, loop: string, id: string | null): Promise<string | null> {
  return database.write(async (connection) => {
    const before = (await readChampion(database, loop))?.id ?? null;
    if (before !== id)
      await connection.run('UPDATE model_versions SET champion = (id = $2) WHERE loop = $1', [loop, id ?? '']);
    return before;
  });
}

/** Brings a former champion back, or the base model for null, and notes it in the audit trail; a repeat changes nothing. */
export function rollBack(database: Database, loop: string, id: string | null, reason: string): Promise<void> {
  return database.write(async (connection, columns) => {
    const before = await moveChampion(database, loop, id);
    if (before === id) return;
    const details = { reason, before };
    const entry = auditRow({ loop, actor: 'loop', action: 'rollBack', subject: id ?? 'base', details });
    await insertRows(connection, columns, 'audit', [entry], { key: ['key'] });
  });
}

/** The loop's champion, or null while the base model is. */
export async function readChampion(database: Database, loop: string): Promise<ModelVersionRow | null> {
  const [row] = await readAll<ModelVersionRow>(
    database,
    'model_versions',
    'loop = $1 AND champion',
    [loop],
    'id LIMIT 1',
  );
  return row ?? null;
}

/** The newest entries of a loop's audit trail, oldest first. */
export async function readAudit(database: Database, loop: string, limit: number): Promise<RecordedAudit[]> {
  const entries = await readAll<RecordedAudit>(
    database,
    'audit',
    'loop = $1',
    [loop],
    `recorded_at DESC, key DESC LIMIT ${Math.trunc(limit)}`,
    'actor, action, subject, details, recorded_at AS at',
  );
  return entries.toReversed();
}

/** Adds an entry to the audit trail; the same entry twice is one entry. */
export async function recordAudit(database: Database, entry: AuditEntry): Promise<void> {
  await record(database, 'audit', [auditRow(entry)], { key: ['key'] });
}

function auditRow({ key, details = {}, ...entry }: AuditEntry): Fields {
  return { ...entry, details, key: key ?? sha256(canonicalJson({ ...entry, details })) };
}

/** R12: counts over the tables. */
export async function readStatistics(database: Database, loop: string): Promise<Statistics> {
  const [row] = await database.read(
    `SELECT
      (SELECT count(*) FROM feedback_events WHERE loop = $1) AS feedback_events,
      (SELECT count(*) FROM batches WHERE loop = $1) AS training_batches,
      coalesce((SELECT stage FROM curriculum_states WHERE loop = $1 AND ${NOT_SUPERSEDED} ORDER BY round DESC LIMIT 1), 'easy') AS stage`,
    [loop],
  );
  return {
    feedback_events: row?.feedback_events as number,
    training_batches: row?.training_batches as number,
    curriculum: { current_stage: row?.stage as Statistics['curriculum']['current_stage'] },
  };
}

/** Everything behind a model version; null when there is none of this id. */
export async function readLineage(database: Database, id: string): Promise<Lineage | null> {
  const [version] = await readAll<ModelVersionRow>(database, 'model_versions', 'id = $1', [id], 'id');
  if (version === undefined) return null;
  const runId = version.runId ?? '';
  const ancestors = await database.read(
    `WITH RECURSIVE chain(id, depth) AS (
      SELECT parent_id, 1 FROM model_versions WHERE id = $1
      UNION ALL
      SELECT parent.parent_id, depth + 1 FROM chain JOIN model_versions parent USING (id) WHERE depth < 10000
    ) SELECT id FROM chain WHERE id IS NOT NULL ORDER BY depth`,
    [id],
  );
  const [run] = await readAll<Lineage['run'] & object>(database, 'training_runs', 'id = $1', [runId], 'id');
  const path = `(SELECT * FROM lineage WHERE model_version_id = $1)`;
  const batches = await readAll<Lineage['batches'][number]>(
    database,
    'batches',
    `loop = $2 AND id IN (SELECT batch_id FROM ${path})`,
    [id, version.loop],
    'round, position',
  );
  const examples = await readAll<Lineage['examples'][number]>(
    database,
    'examples',
    `loop = $2 AND (id, round) IN (SELECT (example_id, example_round) FROM ${path})`,
    [id, version.loop],
    'round, position',
    '* EXCLUDE (input, target)',
  );
  const rewards = await readAll<Lineage['rewards'][number]>(
    database,
    'rewards',
    `loop = $2 AND (event_id, round) IN (SELECT (event_id, example_round) FROM ${path})`,
    [id, version.loop],
    'round, position',
  );
  const events = await readAll<Lineage['events'][number]>(
    database,
    'feedback_events',
    `loop = $2 AND id IN (SELECT event_id FROM ${path})`,
    [id, version.loop],
    'seq',
    'seq, id, ts, artifact_type, feedback_type, model_used, validation_score',
  );
  return {
    version,
    ancestors: ancestors.map((row) => row.id as string),
    run: run ?? null,
    checkpoints: await readAll(database, 'checkpoints', 'run_id = $1', [runId], 'step'),
    batches,
    examples,
    rewards,
    events,
    evaluations: await readAll<EvaluationRow>(database, 'evaluations', 'model = $1', [id], 'round, position, id'),
  };
}
