import { RatchetError } from '../../../config/errors.js';
import type { Matrix } from './matrix.js';

/**
 * Vote entropy of an ensemble (Dagan & Engelson 1995): entropy in nats of the shares of members that vote for each
 * class; a member votes for its first maximum.
 * @param members probabilities `[rows, classes]` of each member, at least one
 */
export function voteEntropy(members: readonly Matrix[]): Float64Array {
  const { rows, columns } = checkShapes(members);
  const scores = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const votes = new Float64Array(columns);
    for (const { data } of members) {
      const probabilities = data.subarray(row * columns, (row + 1) * columns);
      let best = 0;
      probabilities.forEach((p, label) => (best = p > probabilities[best]! ? label : best));
      votes[best]!++;
    }
    scores[row] = votes.reduce((sum, count) => {
      const share = count / members.length;
      return count === 0 ? sum : sum - share * Math.log(share);
    }, 0);
  }
  return scores;
}

/**
 * Mean Kullback–Leibler divergence of each member from the consensus, their mean (McCallum & Nigam 1998), in nats: 0
 * where all agree, however uncertain they are.
 */
export function consensusDivergence(members: readonly Matrix[]): Float64Array {
  const { rows, columns } = checkShapes(members);
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      const consensus = members.reduce((total, { data }) => total + data[at]!, 0) / members.length;
      for (const { data } of members) if (data[at]! > 0) sum += data[at]! * Math.log(data[at]! / consensus);
    }
    return Math.max(0, sum / members.length);
  });
}

function checkShapes(members: readonly Matrix[]): Matrix {
  const first = members[0];
  if (first === undefined || members.some(({ rows, columns }) => rows !== first.rows || columns !== first.columns)) {
    throw new RatchetError('E_USAGE', 'an ensemble needs at least one member, all with probabilities of one shape', {
      hint: 'Score the same candidates with every member.',
    });
  }
  return first;
}
