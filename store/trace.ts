import type { CurriculumStage } from '../config/domain.js';
import type { Database } from './database.js';
import type { ChampionWatchRow, PromotionRow } from './types.js';

/** What the tables say of one round: what came in, what each component decided and why, what came of it. Absent: not recorded. */
export interface RoundRecord {
  round: number;
  status: 'running' | 'completed' | 'failed' | 'skipped';
  /** ISO 8601, UTC. */
  startedAt: string;
  finishedAt?: string;
  stage?: CurriculumStage;
  nextStage?: CurriculumStage;
  events?: number;
  admitted?: number;
  strategy?: string;
  candidates?: number;
  chosen?: number;
  originals?: number;
  variants?: number;
  hardNegatives?: number;
  batches?: number;
  trials?: number;
  prunedTrials?: number;
  bestObjective?: number;
  fallback?: string;
  labels?: number;
  score?: number;
  promoted?: boolean;
  reason?: string;
  promotion?: PromotionRow;
  watch?: ChampionWatchRow;
}

/** A round's training, with its losses averaged over at most {@link CURVE_POINTS} equal stretches. */
export interface TrainingRecord {
  id: string;
  round: number;
  status: string;
  steps?: number;
  trainLoss?: number;
  validationLoss?: number;
  bestStep?: number;
  stoppedEarly?: boolean;
  losses: number[];
  /** Sums over all steps. */
  tokens: number;
  milliseconds: number;
  checkpoints: number;
}

/** Who changed what, when and why. */
export interface AuditRecord {
  at: string;
  actor: string;
  action: string;
  subject: string;
  details: Record<string, unknown>;
}

/** A loop's story as far as the store knows it; the newest rounds when there are many. */
export interface LoopTrace {
  loop: string;
  rounds: RoundRecord[];
  trainings: TrainingRecord[];
  audit: AuditRecord[];
}

export const CURVE_POINTS = 60;
/** What a trace holds at most, so that it travels as one small payload. */
const ROUNDS = 100;
const AUDIT_ENTRIES = 200;

/** Reads a loop's story: all of it, or that of one round. */
export async function readTrace(database: Database, loop: string, round?: number): Promise<LoopTrace> {
  const scope = [loop, round ?? -1];
  const inScope = (table: string) => `${table}.loop = $1 AND ($2 < 0 OR ${table}.round = $2)`;
  const counted = (table: string, columns: string) =>
    `(SELECT round, ${columns} FROM ${table} WHERE ${inScope(table)} GROUP BY round)`;
  const rounds = await database.read(
    `SELECT rounds.round, status, started_at AS "startedAt", finished_at AS "finishedAt", labels, score, promoted, reason,
       curriculum_stage AS stage, next.stage AS "nextStage", rewarded.events, admitted, candidates, chosen,
       CASE WHEN candidates IS NOT NULL THEN config->>'$.selection.strategy' END AS strategy,
       originals, variants, "hardNegatives", batched.batches, tried.trials, "prunedTrials", "bestObjective",
       fallback_states.mode AS fallback
     FROM rounds
     LEFT JOIN curriculum_states next ON next.loop = rounds.loop AND next.round = rounds.round
     LEFT JOIN fallback_states ON fallback_states.loop = rounds.loop AND fallback_states.round = rounds.round
     LEFT JOIN ${counted('rewards', 'count(*) AS events')} rewarded ON rewarded.round = rounds.round
     LEFT JOIN ${counted('curriculum', 'count_if(admitted) AS admitted')} lesson ON lesson.round = rounds.round
     LEFT JOIN ${counted('selections', 'count(*) AS candidates, count_if(selected) AS chosen')} selected
       ON selected.round = rounds.round
     LEFT JOIN ${counted(
       'examples',
       `count_if(source <> 'augmented') AS originals, count_if(source = 'augmented') AS variants,
        count_if(hard_negative) AS "hardNegatives"`,
     )} taught ON taught.round = rounds.round
     LEFT JOIN ${counted('batches', 'count(*) AS batches')} batched ON batched.round = rounds.round
     LEFT JOIN ${counted(
       'trials',
       `count(*) AS trials, count_if(state = 'pruned') AS "prunedTrials", min(objective) AS "bestObjective"`,
     )} tried ON tried.round = rounds.round
     WHERE ${inScope('rounds')} ORDER BY rounds.round DESC LIMIT ${ROUNDS}`,
    scope,
  );
  const promotions = await database.read(
    `SELECT round, challenger, champion, decision, pairs, mean_gain AS "meanGain", e_value AS "eValue", p_value AS "pValue"
     FROM promotions WHERE ${inScope('promotions')}`,
    scope,
  );
  const watches = await database.read(
    `SELECT round, champion, former, verdict, pairs, mean_difference AS "meanDifference"
     FROM champion_watches WHERE ${inScope('champion_watches')}`,
    scope,
  );
  const ofRound = <T>(rows: Record<string, unknown>[], number: unknown): T | undefined => {
    const { round: _, ...row } = rows.find((each) => each['round'] === number) ?? {};
    return Object.keys(row).length === 0 ? undefined : (row as T);
  };
  return {
    loop,
    rounds: rounds.toReversed().map((row) =>
      present<RoundRecord>({
        ...row,
        promotion: ofRound(promotions, row['round']),
        watch: ofRound(watches, row['round']),
      }),
    ),
    trainings: await readTrainings(database, scope),
    audit: await readAudit(database, loop, rounds.at(-1)?.['startedAt']),
  };
}

async function readTrainings(database: Database, scope: (string | number)[]): Promise<TrainingRecord[]> {
  const rows = await database.read(
    `WITH stretches AS (
       SELECT run_id, ntile(${CURVE_POINTS}) OVER (PARTITION BY run_id ORDER BY step) AS stretch, loss, tokens, milliseconds
       FROM training_steps
     ), points AS (
       SELECT run_id, stretch, avg(loss) AS loss, sum(tokens)::DOUBLE AS tokens, sum(milliseconds) AS milliseconds
       FROM stretches GROUP BY run_id, stretch
     ), curves AS (
       SELECT run_id, list(loss ORDER BY stretch) AS losses, sum(tokens) AS tokens, sum(milliseconds) AS milliseconds
       FROM points GROUP BY run_id
     )
     SELECT run.id, run.round, run.status, run.steps, run.train_loss AS "trainLoss", run.validation_loss AS "validationLoss",
       run.best_step AS "bestStep", run.stopped_early AS "stoppedEarly", coalesce(losses, []) AS losses,
       coalesce(tokens, 0) AS tokens, coalesce(curves.milliseconds, 0) AS milliseconds,
       (SELECT count(*) FROM checkpoints WHERE checkpoints.run_id = run.id) AS checkpoints
     FROM training_runs run LEFT JOIN curves ON curves.run_id = run.id
     WHERE run.loop = $1 AND ($2 < 0 OR run.round = $2) ORDER BY run.round DESC, run.id LIMIT ${ROUNDS}`,
    scope,
  );
  return rows.toReversed().map((row) => present<TrainingRecord>(row));
}

/** The newest entries since the first round that is told. */
async function readAudit(database: Database, loop: string, since: unknown): Promise<AuditRecord[]> {
  const rows = await database.read(
    `SELECT recorded_at AS at, actor, action, subject, details FROM audit
     WHERE loop = $1 AND recorded_at >= $2::TIMESTAMPTZ ORDER BY recorded_at DESC, key LIMIT ${AUDIT_ENTRIES}`,
    [loop, typeof since === 'string' ? since : '1970-01-01T00:00:00Z'],
  );
  return rows
    .toReversed()
    .map(({ details, ...row }) => ({ ...row, details: JSON.parse(String(details)) as object }) as AuditRecord);
}

/** Without the columns that are null. */
function present<T>(row: Record<string, unknown>): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined)) as T;
}
