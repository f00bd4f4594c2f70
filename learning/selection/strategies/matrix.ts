import { RatchetError } from '../../../config/errors.js';

/** Rows of numbers in one flat array: row r is data[r·columns … (r+1)·columns − 1]. Float32 halves the memory. */
export interface Matrix {
  data: Float32Array | Float64Array;
  rows: number;
  columns: number;
}

/**
 * A matrix in double precision from lists.
 * @throws RatchetError E_DATA_INVALID when a row has another length than the first
 */
export function matrixOf(rows: readonly (readonly number[])[]): Matrix {
  const columns = rows[0]?.length ?? 0;
  const data = new Float64Array(rows.length * columns);
  rows.forEach((row, index) => {
    if (row.length !== columns) {
      throw new RatchetError('E_DATA_INVALID', `row ${index} has ${row.length} numbers, the first has ${columns}`, {
        hint: 'All rows of a matrix must have one length.',
      });
    }
    data.set(row, index * columns);
  });
  return { data, rows: rows.length, columns };
}

/** The given rows, in the given order, as a matrix of the same precision. */
export function takeRows({ data, columns }: Matrix, rows: ArrayLike<number>): Matrix {
  const size = rows.length * columns;
  const taken = data instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  for (let place = 0; place < rows.length; place++) {
    const start = rows[place]! * columns;
    taken.set(data.subarray(start, start + columns), place * columns);
  }
  return { data: taken, rows: rows.length, columns };
}

/** Dot product of row `a` of one matrix and row `b` of another (or the same) of as many columns. */
export function dot(first: Matrix, a: number, second: Matrix, b: number): number {
  const { data: left, columns } = first;
  const right = second.data;
  const [from, to] = [a * columns, b * columns];
  let sum = 0;
  for (let column = 0; column < columns; column++) sum += left[from + column]! * right[to + column]!;
  return sum;
}

/** Squared Euclidean distance of two rows of one matrix. */
export function squaredDistance({ data, columns }: Matrix, a: number, b: number): number {
  const [from, to] = [a * columns, b * columns];
  let sum = 0;
  for (let column = 0; column < columns; column++) {
    const difference = data[from + column]! - data[to + column]!;
    sum += difference * difference;
  }
  return sum;
}

/** Euclidean length of every row. */
export function rowNorms(matrix: Matrix): Float64Array {
  return Float64Array.from({ length: matrix.rows }, (_, row) => Math.sqrt(dot(matrix, row, matrix, row)));
}

/** Cosine of two rows; 0 where one has no length. */
export function cosine(matrix: Matrix, norms: Float64Array, a: number, b: number): number {
  const length = norms[a]! * norms[b]!;
  return length === 0 ? 0 : dot(matrix, a, matrix, b) / length;
}
