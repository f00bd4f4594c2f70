import type { Database } from './database.js';
import { readAll, STAGE_KEYS } from './stages.js';

/** Tables with rows of a round, besides those of the stages. */
const ROUND_TABLES = [
  'curriculum_states',
  'evaluations',
  'fallback_states',
  'studies',
  'promotions',
  'champion_watches',
  'model_versions',
  'training_runs',
  'rounds',
];

/** Hash of the configuration that an unfinished round was begun with; null when there is no such round. */
export async function readOpenConfigHash(database: Database, loop: string, round: number): Promise<string | null> {
  const [row] = await readAll<{ configHash?: string }>(
    database,
    'rounds',
    "loop = $1 AND round = $2 AND status = 'running'",
    [loop, round],
    'round',
    'config_hash',
  );
  return row?.configHash ?? null;
}

/**
 * Removes every row of a round, and that its writes were applied: those under the workflow id `writes` and below it. Feedback,
 * the ledger and the audit trail stay.
 */
export async function forgetRound(database: Database, loop: string, round: number, writes: string): Promise<void> {
  await database.write(async (connection) => {
    for (const table of ['training_steps', 'checkpoints'])
      await connection.run(
        `DELETE FROM ${table} WHERE run_id IN (SELECT id FROM training_runs WHERE loop = $1 AND round = $2)`,
        [loop, round],
      );
    for (const table of [...Object.keys(STAGE_KEYS), ...ROUND_TABLES])
      await connection.run(`DELETE FROM ${table} WHERE loop = $1 AND round = $2`, [loop, round]);
    await connection.run("DELETE FROM applied_writes WHERE workflow_id = $1 OR starts_with(workflow_id, $1 || '/')", [
      writes,
    ]);
  });
}
