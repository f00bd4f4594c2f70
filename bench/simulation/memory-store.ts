import type { CurriculumState, EvaluationRow } from '../../config/domain.js';

/** What the simulated store knows of a loop. */
interface LoopRecord {
  events: Set<string>;
  /** Events each round took: those with `from` < place ≤ `to`. */
  rounds: { round: number; from: number; to: number; started: number }[];
  state: unknown;
  /** Since when there is enough feedback for a round; null while there is not. */
  enoughSince: number | null;
  /** Milliseconds that each round waited for its start from when there was enough feedback. */
  waits: number[];
}

interface KeyedInput {
  key: { loop: string; round: number };
}

const NOTHING = { uri: 'simulated', sha256: '', rows: 0 };

/** All loops of a simulation, and what their activities answer: the bookkeeping is true, the learning is not simulated. */
export class MemoryStore {
  readonly loops = new Map<string, LoopRecord>();

  constructor(
    private readonly now: () => number,
    private readonly minFeedback: number,
  ) {}

  add(loop: string): LoopRecord {
    const record: LoopRecord = { events: new Set(), rounds: [], state: null, enoughSince: null, waits: [] };
    this.loops.set(loop, record);
    return record;
  }

  /** Takes events, each id once. */
  ingest(loop: string, ids: readonly string[]): void {
    const record = this.loops.get(loop)!;
    for (const id of ids) record.events.add(id);
    this.look(record);
  }

  /** Rounds of a loop that began in the last 24 hours. */
  ofTheDay(loop: string): { rounds: number } {
    const since = this.now() - 24 * 3600_000;
    return { rounds: this.loops.get(loop)!.rounds.filter(({ started }) => started > since).length };
  }

  /** Answers an activity of the loop's workflows. */
  async perform(activity: string, input: unknown): Promise<unknown> {
    const { key } = input as KeyedInput;
    switch (activity) {
      case 'loopState':
        return this.loops.get((input as { loop: string }).loop)!.state;
      case 'countPending': {
        const { loop, after } = input as { loop: string; after: number };
        return this.loops.get(loop)!.events.size - after;
      }
      case 'startRound':
        return this.startRound(key.loop, key.round);
      case 'pendingFeedback':
        return this.takeFeedback(input as KeyedInput & { after: number; limit: number });
      case 'finishRound':
        this.loops.get(key.loop)!.state = (input as { state: unknown }).state;
        return undefined;
      case 'selectExamples':
        return { selectionRef: NOTHING, examplesRef: NOTHING, rejectedRef: NOTHING, labels: 10 };
      case 'assembleBatches':
        return { batchesRef: NOTHING, ready: true, reason: 'enough examples' };
      case 'bestParameters':
        return null;
      case 'chooseParameters':
        return { batchSize: 8, gradientAccumulationSteps: 1 };
      case 'planTraining':
        return { planRef: NOTHING, validationRef: null, initialModel: null };
      case 'trainModel': {
        const run = {
          steps: 1,
          trainLoss: 1,
          validationLoss: null,
          bestStep: 1,
          stoppedEarly: false,
          truncatedRows: 0,
        };
        const model = { id: `${key.loop}-round-${key.round}`, path: 'simulated', sha256: '' };
        return { run, model, logRef: NOTHING };
      }
      case 'evaluateModel':
        return { rows: [evaluation(key.loop, key.round)] };
      case 'trackRound': {
        const { curriculum } = input as { curriculum: CurriculumState };
        return { promote: key.round % 2 === 1, reason: 'simulated', curriculum };
      }
      default:
        return NOTHING;
    }
  }

  private startRound(loop: string, round: number): void {
    const record = this.loops.get(loop)!;
    // An attempt that was lost after it had begun comes again.
    if (round === 0 || record.rounds.some((each) => each.round === round)) return;
    if (record.enoughSince !== null) record.waits.push(this.now() - record.enoughSince);
    record.enoughSince = null;
    record.rounds.push({ round, from: record.rounds.at(-1)?.to ?? 0, to: Number.NaN, started: this.now() });
  }

  private takeFeedback({ key, after, limit }: KeyedInput & { after: number; limit: number }): unknown {
    const record = this.loops.get(key.loop)!;
    const round = record.rounds.find((each) => each.round === key.round)!;
    if (after !== round.from) throw new Error(`${key.loop} round ${key.round} begins at ${after}, not ${round.from}`);
    round.to = Math.min(record.events.size, after + limit);
    this.look(record);
    return { ref: NOTHING, cursor: round.to, count: round.to - after };
  }

  private look(record: LoopRecord): void {
    const taken = record.rounds.at(-1)?.to ?? 0;
    if (record.events.size - taken >= this.minFeedback) record.enoughSince ??= this.now();
  }
}

function evaluation(loop: string, round: number): EvaluationRow {
  return {
    id: `${loop}/${round}`,
    loop,
    round,
    model: 'simulated',
    split: 'validation',
    artifactType: 'all',
    n: 10,
    score: 50,
    successRate: 0.5,
    edgeScore: 50,
    edgeSuccessRate: 0.5,
    meanReward: 0,
    latencyMs: 1,
  };
}
