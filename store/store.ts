import type { DuckDBValue } from '@duckdb/node-api';
import type {
  ArtifactType,
  BatchRow,
  CurriculumRow,
  CurriculumState,
  EvaluationRow,
  ExampleRow,
  FeedbackEvent,
  LabelYieldRow,
  RejectedRow,
  RewardRow,
  SelectionRow,
  SourceRow,
  TrainingParameters,
} from '../config/domain.js';
import type { PreferencePair } from '../learning/preference/preference-pair.js';
import { Database, type OpenOptions } from './database.js';
import { appendFeedback, countFeedback, readFeedback, readLedger, rejectedRows, rejectRows } from './feedback.js';
import { forgetRound, readOpenConfigHash } from './forget-round.js';
import { contentHashes, tableCounts } from './inspect.js';
import { readAll, readBestTrial, readExamples, readStage, recordStage } from './stages.js';
import * as steering from './steering.js';
import * as studies from './studies.js';
import { readTrace, type LoopTrace } from './trace.js';
import * as tracking from './tracking.js';
import type {
  AppendResult,
  AuditEntry,
  ChampionWatchRow,
  CheckpointRow,
  FallbackRow,
  Ledger,
  Lineage,
  ModelVersionRow,
  PromotionRow,
  RecordedAudit,
  RoundFinish,
  RoundRow,
  RoundStart,
  Statistics,
  StoredEvent,
  StudyRow,
  TrainingRunRow,
  TrainingStepRow,
  TrialRow,
} from './types.js';

const RUN_RESULTS = [
  'status',
  'strategy',
  'seed',
  'base_model',
  'initial_adapter',
  'parameters',
  'batch_ids',
  'train_file',
  'validation_file',
  'steps',
  'train_loss',
  'validation_loss',
  'best_step',
  'stopped_early',
  'sha256',
  'output_dir',
  'resumed_from',
  'truncated_rows',
  'milliseconds',
  'error',
];

/**
 * Bytes of write-ahead log that the end of a round moves into the file. DuckDB keeps the rows of its log in memory, a
 * segment a column: 60 MB for the 16 MB that it waits for, which imports are quickest with and small rounds take hours
 * to fill.
 */
const LARGE_LOG = 2 << 20;

/**
 * The durable store of the loop: one DuckDB file, owned by one process.
 *
 * Every write is one transaction and idempotent by its natural key: repeating it, in any order, leaves the same rows.
 * Faults are {@link RatchetError}s: E_LOCKED, E_DISK_FULL, E_DATA_FOLDER, E_DATA_INVALID, E_STORE.
 */
export class Store {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Opens the file, creating folder, file and tables as needed. A second opener gets E_LOCKED with the owner's process id. */
  static async open(path: string, options: OpenOptions = {}): Promise<Store> {
    return new Store(await Database.open(path, options));
  }

  get path(): string {
    return this.#database.path;
  }

  /** Runs several writes as one transaction; any error undoes all of them. */
  transaction<T>(task: () => Promise<T>): Promise<T> {
    return this.#database.write(() => task());
  }

  /**
   * Runs the writes of an activity exactly once: the first call stores them with their answer in one transaction,
   * a repeat (a retried activity, also after a crash) gets the stored answer. The answer must be JSON.
   */
  applyOnce<T>(workflowId: string, activityKey: string, task: () => Promise<T>): Promise<T> {
    const values = [workflowId, activityKey];
    return this.transaction(async () => {
      const [applied] = await readAll<{ result?: { value: T } }>(
        this.#database,
        'applied_writes',
        'workflow_id = $1 AND activity_key = $2',
        values,
        'workflow_id',
      );
      if (applied !== undefined) return applied.result?.value as T;
      const value = await task();
      await tracking.record(this.#database, 'applied_writes', [{ workflowId, activityKey, result: { value } }], {
        key: ['workflow_id', 'activity_key'],
      });
      return value;
    });
  }

  /** Appends events to a loop. `source` names their origin in the ledger when an id comes back with other content. */
  appendFeedback(loop: string, events: readonly FeedbackEvent[], source = 'api'): Promise<AppendResult> {
    return appendFeedback(this.#database, loop, events, source);
  }

  /** Writes refused rows to the ledger; returns the number of new entries. */
  rejectRows(rows: readonly RejectedRow[]): Promise<number> {
    return rejectRows(this.#database, rows);
  }

  /** The ledger, ordered by source and line. */
  rejectedRows(limit = 1000): Promise<RejectedRow[]> {
    return rejectedRows(this.#database, limit);
  }

  /** The ledger at a glance; see {@link Ledger}. */
  ledger(limit: number): Promise<Ledger> {
    return readLedger(this.#database, limit);
  }

  /** Events after a cursor, in order. */
  pendingFeedback(loop: string, afterSeq: number, limit = 10_000): Promise<StoredEvent[]> {
    return readFeedback(this.#database, loop, afterSeq, Number.MAX_SAFE_INTEGER, limit);
  }

  /** Events with afterSeq < seq ≤ uptoSeq, in order. */
  feedbackBetween(loop: string, afterSeq: number, uptoSeq: number): Promise<StoredEvent[]> {
    return readFeedback(this.#database, loop, afterSeq, uptoSeq, Number.MAX_SAFE_INTEGER);
  }

  /**
   * A round's events: those after a cursor, in order, at most `limit`. Asked again for the same round it answers the same,
   * whatever has come since.
   */
  roundFeedback(loop: string, round: number, afterSeq: number, limit: number): Promise<StoredEvent[]> {
    return this.transaction(async () => {
      const upto = await tracking.readUptoSeq(this.#database, loop, round);
      const events = await readFeedback(this.#database, loop, afterSeq, upto ?? Number.MAX_SAFE_INTEGER, limit);
      const newest = events.at(-1);
      if (upto === null && newest !== undefined) await tracking.recordUptoSeq(this.#database, loop, round, newest.seq);
      return events;
    });
  }

  /** Number of events after a cursor. */
  async countPending(loop: string, afterSeq: number): Promise<number> {
    return (await countFeedback(this.#database, loop, afterSeq)).pending;
  }

  /** Place of the newest event in the loop's sequence; 0 without events. */
  async lastSeq(loop: string): Promise<number> {
    return (await countFeedback(this.#database, loop, 0)).lastSeq;
  }

  recordRewards(loop: string, round: number, rows: readonly RewardRow[]): Promise<number> {
    return recordStage(this.#database, 'rewards', loop, round, rows);
  }
  recordCurriculum(loop: string, round: number, rows: readonly CurriculumRow[]): Promise<number> {
    return recordStage(this.#database, 'curriculum', loop, round, rows);
  }
  recordSelections(loop: string, round: number, rows: readonly SelectionRow[]): Promise<number> {
    return recordStage(this.#database, 'selections', loop, round, rows);
  }
  recordExamples(loop: string, round: number, rows: readonly ExampleRow[]): Promise<number> {
    return recordStage(this.#database, 'examples', loop, round, rows);
  }
  recordBatches(loop: string, round: number, rows: readonly BatchRow[]): Promise<number> {
    return recordStage(this.#database, 'batches', loop, round, rows);
  }
  recordTrials(loop: string, round: number, rows: readonly TrialRow[]): Promise<number> {
    return recordStage(this.#database, 'trials', loop, round, rows);
  }

  recordSources(loop: string, round: number, rows: readonly SourceRow[]): Promise<number> {
    return recordStage(this.#database, 'feedback_sources', loop, round, rows);
  }
  recordPreferences(loop: string, round: number, rows: readonly PreferencePair[]): Promise<number> {
    return recordStage(this.#database, 'preference_pairs', loop, round, rows);
  }

  rewards(loop: string, round: number): Promise<RewardRow[]> {
    return readStage(this.#database, 'rewards', loop, round);
  }
  curriculum(loop: string, round: number): Promise<CurriculumRow[]> {
    return readStage(this.#database, 'curriculum', loop, round);
  }
  selections(loop: string, round: number): Promise<SelectionRow[]> {
    return readStage(this.#database, 'selections', loop, round);
  }
  examples(loop: string, round: number): Promise<ExampleRow[]> {
    return readStage(this.#database, 'examples', loop, round);
  }
  batches(loop: string, round: number): Promise<BatchRow[]> {
    return readStage(this.#database, 'batches', loop, round);
  }
  sources(loop: string, round: number): Promise<SourceRow[]> {
    return readStage(this.#database, 'feedback_sources', loop, round);
  }
  preferences(loop: string, round: number): Promise<PreferencePair[]> {
    return readStage(this.#database, 'preference_pairs', loop, round);
  }
  recordSelectionSlices(loop: string, round: number, rows: readonly SelectionRow[]): Promise<number> {
    return recordStage(this.#database, 'selection_slices', loop, round, rows);
  }
  recordLabelYields(loop: string, round: number, rows: readonly LabelYieldRow[]): Promise<number> {
    return recordStage(this.#database, 'label_yields', loop, round, rows);
  }
  trials(loop: string, round: number): Promise<TrialRow[]> {
    return readStage(this.#database, 'trials', loop, round);
  }

  /** All examples up to and including a round, each once, in order. */
  allExamples(loop: string, uptoRound: number): Promise<(ExampleRow & { round: number })[]> {
    return readExamples(this.#database, loop, uptoRound);
  }

  /** The complete trial with the lowest objective of the newest round that has one, or null. */
  bestTrial(loop: string, artifactType: ArtifactType | 'all'): Promise<(TrialRow & { round: number }) | null> {
    return readBestTrial(this.#database, loop, artifactType);
  }

  /** Keeps a round's study as it stands now. */
  saveStudy(loop: string, round: number, study: StudyRow): Promise<void> {
    return studies.saveStudy(this.#database, loop, round, study);
  }
  /** A round's study; null before it was opened. */
  study(loop: string, round: number): Promise<StudyRow | null> {
    return studies.readStudy(this.#database, loop, round);
  }
  /** Parameters of the best trial of each round before `round`, the newest first, at most `limit`. */
  earlierBestParameters(loop: string, round: number, limit: number): Promise<Partial<TrainingParameters>[]> {
    return studies.readEarlierBest(this.#database, loop, round, limit);
  }

  /** Stores the curriculum's state after a round. */
  recordCurriculumState(loop: string, round: number, state: CurriculumState): Promise<void> {
    return tracking.recordCurriculumState(this.#database, loop, round, state);
  }
  /** The curriculum's newest state, or null before the first round. */
  curriculumState(loop: string): Promise<CurriculumState | null> {
    return tracking.readCurriculumState(this.#database, loop);
  }

  startRound(loop: string, round: number, fields: RoundStart = {}): Promise<void> {
    return tracking.startRound(this.#database, loop, round, fields);
  }
  /** Hash of the configuration that an unfinished round was begun with; null when there is no such round. */
  openConfigHash(loop: string, round: number): Promise<string | null> {
    return readOpenConfigHash(this.#database, loop, round);
  }
  /** Removes every row of a round, and that the writes under the workflow id `writes` and below it were applied. */
  forgetRound(loop: string, round: number, writes: string): Promise<void> {
    return forgetRound(this.#database, loop, round, writes);
  }
  /** Ends the time of rounds that a loop which starts anew has left open. */
  closeAbandonedRounds(loop: string): Promise<void> {
    return tracking.closeAbandonedRounds(this.#database, loop);
  }
  async finishRound(loop: string, round: number, fields: RoundFinish = {}): Promise<void> {
    await tracking.finishRound(this.#database, loop, round, fields);
    await this.#database.settle(LARGE_LOG);
  }
  rounds(loop: string): Promise<RoundRow[]> {
    return tracking.readRounds(this.#database, loop);
  }

  /** Records a run when it starts and again with its results; the first result stays, but a failed run may still be completed. */
  async recordTrainingRun(run: TrainingRunRow): Promise<void> {
    await tracking.record(this.#database, 'training_runs', [{ ...run }], {
      key: ['id'],
      update: RUN_RESULTS,
      where:
        "training_runs.status = 'running' OR (training_runs.status <> 'completed' AND excluded.status = 'completed')",
    });
  }
  async trainingRun(id: string): Promise<TrainingRunRow | null> {
    return (await readAll<TrainingRunRow>(this.#database, 'training_runs', 'id = $1', [id], 'id'))[0] ?? null;
  }
  trainingRuns(loop: string): Promise<TrainingRunRow[]> {
    return readAll(this.#database, 'training_runs', 'loop = $1', [loop], 'round, id');
  }

  /** Records optimizer steps; steps repeated after a resume are the same steps. */
  recordSteps(runId: string, steps: readonly TrainingStepRow[]): Promise<number> {
    const rows = steps.map((step) => ({ ...step, runId }));
    return tracking.record(this.#database, 'training_steps', rows, { key: ['run_id', 'step'] });
  }
  steps(runId: string): Promise<TrainingStepRow[]> {
    return readAll(this.#database, 'training_steps', 'run_id = $1', [runId], 'step', '* EXCLUDE (run_id)');
  }

  recordCheckpoint(checkpoint: CheckpointRow): Promise<number> {
    return tracking.record(this.#database, 'checkpoints', [{ ...checkpoint }], { key: ['run_id', 'step'] });
  }
  checkpoints(runId: string): Promise<CheckpointRow[]> {
    return readAll(this.#database, 'checkpoints', 'run_id = $1', [runId], 'step', '* EXCLUDE (recorded_at)');
  }

  /** Records a version; with `champion: true` it also becomes the loop's champion. */
  recordModelVersion(version: ModelVersionRow): Promise<void> {
    return this.transaction(async () => {
      const row = { ...version, champion: false };
      const added = await tracking.record(this.#database, 'model_versions', [row], { key: ['id'] });
      if (added === 1 && version.champion) await this.setChampion(version.loop, version.id, 'recorded as champion');
    });
  }
  modelVersions(loop: string): Promise<ModelVersionRow[]> {
    return readAll(this.#database, 'model_versions', 'loop = $1', [loop], 'round, id', '* EXCLUDE (recorded_at)');
  }
  /** Makes a version the champion; false when it was already. */
  setChampion(loop: string, id: string, reason = ''): Promise<boolean> {
    return tracking.setChampion(this.#database, loop, id, reason);
  }
  /** Brings a former champion back (null: the base model) and notes it in the audit trail. */
  rollBack(loop: string, id: string | null, reason: string): Promise<void> {
    return tracking.rollBack(this.#database, loop, id, reason);
  }
  async recordPromotion(loop: string, round: number, row: PromotionRow): Promise<void> {
    await tracking.record(this.#database, 'promotions', [{ ...row, loop, round }], { key: ['loop', 'round'] });
  }
  async recordChampionWatch(loop: string, round: number, row: ChampionWatchRow): Promise<void> {
    await tracking.record(this.#database, 'champion_watches', [{ ...row, loop, round }], { key: ['loop', 'round'] });
  }
  async recordFallback(loop: string, round: number, row: FallbackRow): Promise<void> {
    await tracking.record(this.#database, 'fallback_states', [{ ...row, loop, round }], { key: ['loop', 'round'] });
  }
  /** The loop's champion, or null while the base model is. */
  champion(loop: string): Promise<ModelVersionRow | null> {
    return tracking.readChampion(this.#database, loop);
  }

  recordEvaluations(rows: readonly EvaluationRow[]): Promise<number> {
    const fields = rows.map((row, position) => ({ ...row, position }));
    return tracking.record(this.#database, 'evaluations', fields, { key: ['id'] });
  }
  evaluations(loop: string): Promise<EvaluationRow[]> {
    return readAll(this.#database, 'evaluations', 'loop = $1', [loop], 'round, position, id', '* EXCLUDE (position)');
  }

  recordAudit(entry: AuditEntry): Promise<void> {
    return tracking.recordAudit(this.#database, entry);
  }
  /** The newest entries of a loop's audit trail, oldest first. */
  audit(loop: string, limit = 100): Promise<RecordedAudit[]> {
    return tracking.readAudit(this.#database, loop, limit);
  }

  /** Makes a version (null: the base model) the champion without noting it; returns the one before. */
  moveChampion(loop: string, id: string | null): Promise<string | null> {
    return tracking.moveChampion(this.#database, loop, id);
  }
  /** Marks the rounds after `round`, up to the newest that has begun, as superseded. */
  supersede(
    loop: string,
    span: { round: number; begun: number },
    request: string,
  ): Promise<{ added: number[]; newest: number }> {
    return steering.supersede(this.#database, loop, span, request);
  }
  /** Whether a round does not count any more. */
  isSuperseded(loop: string, round: number): Promise<boolean> {
    return steering.isSuperseded(this.#database, loop, round);
  }
  /** Keeps a state that the loop was put into; it holds until a later round is finished. */
  recordSteeredState(loop: string, request: string, state: { round: number }): Promise<void> {
    return steering.recordSteeredState(this.#database, loop, request, state);
  }
  /** The state that a request or the newest finished round has left; null for a loop without rounds. */
  newestState(loop: string): Promise<unknown> {
    return steering.readNewestState(this.#database, loop);
  }
  /** The state that a finished round left. Throws E_NOT_FOUND for one that does not count any more. */
  stateAfter(loop: string, round: number): Promise<unknown> {
    return steering.readStateAfter(this.#database, loop, round);
  }

  /** R12. */
  statistics(loop: string): Promise<Statistics> {
    return tracking.readStatistics(this.#database, loop);
  }
  /** A loop's story, or that of one round: what came in, what was decided and why, how the training went. */
  trace(loop: string, round?: number): Promise<LoopTrace> {
    return readTrace(this.#database, loop, round);
  }
  /** Everything behind a model version; null when there is none of this id. */
  lineage(modelVersionId: string): Promise<Lineage | null> {
    return tracking.readLineage(this.#database, modelVersionId);
  }

  /** Rows of every table, by table name. */
  tableCounts(): Promise<Record<string, number>> {
    return tableCounts(this.#database);
  }
  /** SHA-256 of every table's content without wall-clock times: equal for a disturbed and an undisturbed run. */
  contentHashes(): Promise<Record<string, string>> {
    return contentHashes(this.#database);
  }

  /** One SELECT with `$1 …` parameters: rows as plain data (times as ISO text), at most `limit` of them. Throws E_USAGE for anything else. */
  query(
    sql: string,
    parameters: readonly DuckDBValue[] = [],
    { limit = 10_000, timeoutSeconds = 30 }: { limit?: number; timeoutSeconds?: number } = {},
  ): Promise<Record<string, unknown>[]> {
    return this.#database.visit(sql, parameters, limit, timeoutSeconds);
  }
  close(): Promise<void> {
    return this.#database.close();
  }
}
