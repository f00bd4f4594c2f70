import type { CurriculumStage, CurriculumState, DifficultyBand } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';

/** What the curriculum needs to know of a row. */
export interface CurriculumItem {
  id: string;
  /** 0–1. */
  difficulty: number;
}

export type CurriculumBands<T> = Record<DifficultyBand, T[]>;

const STAGE_ORDER: readonly CurriculumStage[] = ['easy', 'medium', 'hard', 'mixed'];
const BANDS: readonly DifficultyBand[] = ['easy', 'medium', 'hard'];
const ADMITTED: Record<CurriculumStage, readonly DifficultyBand[]> = {
  easy: ['easy'],
  medium: ['easy', 'medium'],
  hard: ['hard'],
  mixed: BANDS,
};
/** Bands that stand in, the first with rows, where a stage's own have none: the nearest, easier ones before harder. */
const STAND_INS: Record<CurriculumStage, readonly DifficultyBand[]> = {
  easy: ['medium', 'hard'],
  medium: ['hard'],
  hard: ['medium', 'easy'],
  mixed: [],
};
/**
 * Share of a batch of the `hard` stage that repeats easy and medium rows. S3 trains the stage on hard rows alone;
 * a fifth of replay keeps what was learned before (rehearsal, Robins 1995) and leaves the stage hard.
 */
export const REPLAY_SHARE = 0.2;
/** Evaluations kept in the state, which travels through workflow payloads. */
const HISTORY_LIMIT = 100;

/** The state a loop starts with. */
export function initialCurriculumState(): CurriculumState {
  return { stage: 'easy', streak: 0, history: [] };
}

/**
 * The state after one evaluation: an average strictly above `progression` lengthens the streak, any other ends it;
 * after `evaluations` in a row the stage advances by one and the streak starts again. The last stage, `mixed`, stays.
 * @throws RatchetError E_DATA_INVALID when the average is not within 0–100.
 */
export function advanceCurriculum(
  state: CurriculumState,
  evaluation: { round: number; average: number },
  config: LoopConfig['curriculum'],
): CurriculumState {
  const { round, average } = evaluation;
  if (!(average >= 0 && average <= 100)) {
    throw new RatchetError('E_DATA_INVALID', `curriculum: the average score of round ${round} is ${average}`, {
      hint: 'Averages are validation scores, 0–100; evaluate at least one row.',
    });
  }
  const history = [...state.history, { round, stage: state.stage, average }].slice(-HISTORY_LIMIT);
  if (!(average > config.progression)) return { stage: state.stage, streak: 0, history };
  const streak = Math.min(state.streak + 1, config.evaluations);
  const next = STAGE_ORDER[STAGE_ORDER.indexOf(state.stage) + 1];
  if (streak < config.evaluations || next === undefined) return { stage: state.stage, streak, history };
  return { stage: next, streak: 0, history };
}

/** R5: orders rows from easy to hard and decides which of them the loop is ready for. */
export class CurriculumLearner {
  private readonly config: LoopConfig['curriculum'];
  private current: CurriculumState;

  constructor(config: Partial<LoopConfig['curriculum']> = {}, state: CurriculumState = initialCurriculumState()) {
    this.config = { easy: 0.35, medium: 0.65, progression: 75, evaluations: 3, ...config };
    this.current = state;
  }

  get state(): CurriculumState {
    return this.current;
  }

  /** Enters one evaluation (see {@link advanceCurriculum}) and returns the new state. */
  recordEvaluation(round: number, average: number): CurriculumState {
    this.current = advanceCurriculum(this.current, { round, average }, this.config);
    return this.current;
  }

  /** easy < `easy` ≤ medium < `medium` ≤ hard. */
  bandOf(difficulty: number): DifficultyBand {
    if (difficulty < this.config.easy) return 'easy';
    return difficulty < this.config.medium ? 'medium' : 'hard';
  }

  /** Rows by band, each from easy to hard (ties by id). */
  organizeByCurriculum<T extends CurriculumItem>(items: readonly T[]): CurriculumBands<T> {
    const bands: CurriculumBands<T> = { easy: [], medium: [], hard: [] };
    for (const item of sortByDifficulty(items)) bands[this.bandOf(item.difficulty)].push(item);
    return bands;
  }

  /**
   * Ids the current stage admits: its bands, and in `hard` a seeded draw of easier rows that makes up
   * {@link REPLAY_SHARE} of all admitted ones (as far as there are any). Where its bands are empty, the nearest band that
   * is not, an easier one if there is one: a loop that admits nothing is never evaluated and stays in its stage for good.
   * The stage stays what it is.
   */
  admit(items: readonly CurriculumItem[], seed: number): Set<string> {
    const bands = this.organizeByCurriculum(items);
    const { stage } = this.current;
    const idsOf = (names: readonly DifficultyBand[]) =>
      new Set(names.flatMap((band) => bands[band].map((item) => item.id)));
    const admitted = idsOf(ADMITTED[stage]);
    if (admitted.size === 0) return idsOf(STAND_INS[stage].filter((band) => bands[band].length > 0).slice(0, 1));
    if (stage !== 'hard') return admitted;
    for (const item of this.replay(bands, admitted.size, seed)) admitted.add(item.id);
    return admitted;
  }

  /**
   * R5: up to `batchSize` rows for the current stage, drawn with the seed, ordered from easy to hard. `medium` draws
   * from easy and medium alike, `mixed` from all, `hard` fills {@link REPLAY_SHARE} with easier rows.
   * A stage with too few rows gives a smaller batch, never rows of a later stage.
   */
  getNextTrainingBatch<T extends CurriculumItem>(
    bands: CurriculumBands<T>,
    batchSize = 30,
    seed = 0,
  ): { batch: T[]; stage: CurriculumStage } {
    const stage = this.current.stage;
    const random = stream(seed, 'curriculum', 'batch', stage);
    const pool = sortByDifficulty(ADMITTED[stage].flatMap((band) => bands[band]));
    const replayed = stage === 'hard' ? this.replay(bands, pool.length, seed) : [];
    const replayCount = Math.min(replayed.length, Math.floor(batchSize * REPLAY_SHARE));
    const batch = [...random.shuffle(pool).slice(0, batchSize - replayCount), ...replayed.slice(0, replayCount)];
    return { batch: sortByDifficulty(batch), stage };
  }

  private replay<T extends CurriculumItem>(bands: CurriculumBands<T>, hardRows: number, seed: number): T[] {
    const easier = sortByDifficulty([...bands.easy, ...bands.medium]);
    const count = Math.floor((hardRows * REPLAY_SHARE) / (1 - REPLAY_SHARE));
    return stream(seed, 'curriculum', 'replay').shuffle(easier).slice(0, count);
  }

  /** R14. Works on a copy: the learner's own state stays as it is. */
  selfTest(): SelfTestResult {
    const { easy, medium, progression, evaluations } = this.config;
    const after = (average: number) => {
      let state = initialCurriculumState();
      for (let round = 1; round <= evaluations; round++)
        state = advanceCurriculum(state, { round, average }, this.config);
      return state;
    };
    return runChecks('CurriculumLearner', {
      'the bands are cut at their thresholds': () =>
        this.bandOf(easy) !== 'easy' && this.bandOf(medium) === 'hard' && this.bandOf(-1) === 'easy',
      [`${evaluations} averages of ${progression} do not advance`]: () => after(progression).stage === 'easy',
      [`${evaluations} averages above ${progression} advance once`]: () =>
        progression >= 100 || after((progression + 100) / 2).stage === 'medium',
    });
  }
}

function sortByDifficulty<T extends CurriculumItem>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.difficulty - b.difficulty || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
