import type { TrainingParameters } from '../config/domain.js';
import type { Database } from './database.js';
import { NOT_SUPERSEDED, readAll } from './stages.js';
import { record } from './tracking.js';
import type { StudyRow, TrialRow } from './types.js';

/** Keeps a round's study as it stands now. */
export async function saveStudy(database: Database, loop: string, round: number, study: StudyRow): Promise<void> {
  await record(database, 'studies', [{ ...study, loop, round }], { key: ['loop', 'round'], update: ['study'] });
}

/** A round's study; null before it was opened. */
export async function readStudy(database: Database, loop: string, round: number): Promise<StudyRow | null> {
  const [row] = await readAll<StudyRow>(
    database,
    'studies',
    'loop = $1 AND round = $2',
    [loop, round],
    'round',
    'sampler, pruner, queue, study',
  );
  return row ?? null;
}

/** Parameters of the best trial of each earlier round that counts, the newest round first. */
export async function readEarlierBest(
  database: Database,
  loop: string,
  beforeRound: number,
  limit: number,
): Promise<Partial<TrainingParameters>[]> {
  const trials = await readAll<TrialRow>(
    database,
    'trials',
    `loop = $1 AND round < $2 AND ${NOT_SUPERSEDED} AND state = 'complete' AND objective IS NOT NULL
     QUALIFY row_number() OVER (PARTITION BY round ORDER BY objective, number) = 1`,
    [loop, beforeRound],
    `round DESC LIMIT ${Math.trunc(limit)}`,
  );
  return trials.map((trial) => trial.parameters);
}
