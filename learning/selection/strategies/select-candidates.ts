import { RatchetError } from '../../../config/errors.js';
import { stream } from '../../../config/random.js';
import { takeRows } from './matrix.js';
import { sample, STRATEGIES, type SelectionStrategy, type StrategyInput, type StrategyName } from './strategies.js';

/** Candidates and what is known of them; row r of every matrix is candidate `ids[r]`. */
export interface CandidatePool extends Partial<StrategyInput> {
  /** Different from one another; they order the candidates. */
  ids: readonly string[];
}

/**
 * The ids that a strategy picks, best first: `budget` of them, or all. The candidates are put in the order of their ids
 * first, so that the result does not depend on the order in which they come; every draw comes from the seed.
 * @throws RatchetError E_USAGE when the strategy needs a matrix the pool lacks; E_DATA_INVALID when an id occurs twice
 *   or a matrix has another number of rows
 */
export function selectCandidates(
  name: StrategyName,
  pool: CandidatePool,
  options: { budget: number; seed: number },
): string[] {
  const strategy: SelectionStrategy = STRATEGIES[name];
  const random = stream(options.seed, 'selection', name);
  const order = orderById(pool.ids);
  let rows: Uint32Array = order;
  if (strategy.largestPool !== undefined && rows.length > strategy.largestPool) {
    const kept = sample(rows.length, Math.max(strategy.largestPool, options.budget), random).sort((a, b) => a - b);
    rows = Uint32Array.from(kept, (place) => order[place]!);
  }
  const input = inputOf(name, strategy, pool, rows);
  const budget = Math.min(options.budget, rows.length);
  return budget < 1 ? [] : strategy.select(input, rows.length, budget, random).map((row) => pool.ids[rows[row]!]!);
}

/** The matrices a strategy needs, with the rows in the order asked for; not copied where they already are. */
function inputOf(name: string, strategy: SelectionStrategy, pool: CandidatePool, rows: Uint32Array): StrategyInput {
  const inOrder = rows.length === pool.ids.length && rows.every((row, place) => row === place);
  const arranged: Partial<StrategyInput> = {};
  for (const need of strategy.needs) {
    const given = pool[need];
    if (given === undefined) {
      throw new RatchetError('E_USAGE', `the selection strategy ${name} needs ${need}, which the pool lacks`, {
        hint: 'Score the candidates first, or choose another strategy.',
      });
    }
    const matrices = (Array.isArray(given) ? given : [given]) as StrategyInput['members'];
    const taken = matrices.map((matrix) => {
      if (matrix.rows !== pool.ids.length) {
        throw new RatchetError('E_DATA_INVALID', `${need} has ${matrix.rows} rows for ${pool.ids.length} candidates`, {
          hint: 'Give one row a candidate.',
        });
      }
      return inOrder ? matrix : takeRows(matrix, rows);
    });
    if (need === 'members') arranged.members = taken;
    else arranged[need] = taken[0]!;
  }
  // Only the matrices a strategy declares in `needs` are there for it.
  return arranged as StrategyInput;
}

/** Positions of the ids in ascending order. */
function orderById(ids: readonly string[]): Uint32Array {
  const order = Uint32Array.from(ids.keys());
  const isSorted = ids.every((id, place) => place === 0 || ids[place - 1]! < id);
  if (isSorted) return order;
  order.sort((a, b) => (ids[a]! < ids[b]! ? -1 : 1));
  for (let place = 1; place < order.length; place++) {
    const id = ids[order[place]!]!;
    if (id !== ids[order[place - 1]!]) continue;
    throw new RatchetError('E_DATA_INVALID', `selection: ${id} is a candidate twice`, {
      hint: 'Give every candidate once; the loader ignores repeated ids.',
    });
  }
  return order;
}
