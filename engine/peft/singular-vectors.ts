import { stream } from '../../config/random.js';

export interface SingularVectors {
  /** Largest first; 0 beyond the matrix' smaller side. */
  values: Float64Array;
  /** `[count, rows]` */
  left: Float64Array;
  /** `[count, columns]` */
  right: Float64Array;
}

/** Residual of an eigenpair, relative to the largest eigenvalue, at which the iteration stops. */
const TOLERANCE = 1e-13;
/** Growth of the number of steps between two tests for convergence, which cost its cube. */
const TEST_GROWTH = 1.4;

/**
 * The largest singular values of a matrix with their vectors: Lanczos iteration with full reorthogonalisation on the
 * smaller of M·Mᵀ and Mᵀ·M (Golub & Van Loan, section 10.1). Deterministic; exact to float64 rounding of the squares.
 *
 * @param matrix `[rows, columns]`, row-major
 */
export function singularVectors(matrix: Float64Array, rows: number, columns: number, count: number): SingularVectors {
  const transposed = columns < rows;
  const size = Math.min(rows, columns);
  const long = Math.max(rows, columns);
  const times = (x: Float64Array, out: Float64Array) => multiply(matrix, rows, columns, x, out);
  const timesTransposed = (x: Float64Array, out: Float64Array) => multiplyTransposed(matrix, rows, columns, x, out);
  const [toLong, toShort] = transposed ? [times, timesTransposed] : [timesTransposed, times];
  const between = new Float64Array(long);
  const { values: squares, vectors } = largestEigenpairs(
    (x, out) => {
      toLong(x, between);
      toShort(between, out);
    },
    size,
    Math.min(count, size),
  );
  const values = new Float64Array(count);
  const short = new Float64Array(count * size);
  const other = new Float64Array(count * long);
  squares.forEach((square, k) => {
    const value = Math.sqrt(Math.max(0, square));
    values[k] = value;
    short.set(vectors[k]!, k * size);
    if (value === 0) return;
    toLong(vectors[k]!, between);
    for (let i = 0; i < long; i++) other[k * long + i] = between[i]! / value;
  });
  return transposed ? { values, left: other, right: short } : { values, left: short, right: other };
}

function multiply(matrix: Float64Array, rows: number, columns: number, x: Float64Array, out: Float64Array): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += matrix[row * columns + column]! * x[column]!;
    out[row] = sum;
  }
}

function multiplyTransposed(
  matrix: Float64Array,
  rows: number,
  columns: number,
  x: Float64Array,
  out: Float64Array,
): void {
  out.fill(0);
  for (let row = 0; row < rows; row++) {
    const factor = x[row]!;
    for (let column = 0; column < columns; column++)
      out[column] = out[column]! + matrix[row * columns + column]! * factor;
  }
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** Makes `vector` orthogonal to all of `basis` (twice, against rounding) and returns its length. */
function orthogonalise(vector: Float64Array, basis: readonly Float64Array[]): number {
  for (let pass = 0; pass < 2; pass++)
    for (const direction of basis) {
      const part = dot(vector, direction);
      for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! - part * direction[i]!;
    }
  return Math.sqrt(dot(vector, vector));
}

/** Eigenpairs of a symmetric, positive semidefinite operator, largest first. */
function largestEigenpairs(
  apply: (x: Float64Array, out: Float64Array) => void,
  size: number,
  count: number,
): { values: number[]; vectors: Float64Array[] } {
  const draws = stream(1, 'lanczos');
  const basis: Float64Array[] = [];
  const diagonal: number[] = [];
  const offDiagonal: number[] = [];
  let next = Float64Array.from({ length: size }, () => draws.normal());
  let length = Math.sqrt(dot(next, next));
  let testAt = 2 * count + 16;
  for (;;) {
    basis.push(next.map((value) => value / length));
    const current = basis.at(-1)!;
    next = new Float64Array(size);
    apply(current, next);
    diagonal.push(dot(current, next));
    length = orthogonalise(next, basis);
    const scale = Math.max(...diagonal.map(Math.abs), Number.MIN_VALUE);
    const steps = basis.length;
    if (steps === size || steps === testAt) {
      testAt = Math.ceil(steps * TEST_GROWTH);
      const { values, vectors } = tridiagonalEigen(diagonal, offDiagonal);
      const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!);
      const wanted = order.slice(0, count);
      const converged = wanted.every((k) => Math.abs(length * vectors[steps - 1]![k]!) <= TOLERANCE * scale);
      if (steps === size || converged)
        return {
          values: wanted.map((k) => values[k]!),
          vectors: wanted.map((k) => combine(basis, (step) => vectors[step]![k]!)),
        };
    }
    // The basis spans an invariant subspace: go on in a direction that it lacks.
    if (length <= TOLERANCE * scale) {
      offDiagonal.push(0);
      next = Float64Array.from({ length: size }, () => draws.normal());
      length = orthogonalise(next, basis);
    } else offDiagonal.push(length);
  }
}

function combine(basis: readonly Float64Array[], weight: (step: number) => number): Float64Array {
  const sum = new Float64Array(basis[0]!.length);
  basis.forEach((direction, step) => {
    const factor = weight(step);
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + factor * direction[i]!;
  });
  return sum;
}

/**
 * All eigenpairs of a symmetric tridiagonal matrix by QL with implicit shifts (Golub & Van Loan, section 8.3).
 *
 * @returns `vectors[i][k]` is component i of eigenvector k
 */
function tridiagonalEigen(
  diagonal: readonly number[],
  offDiagonal: readonly number[],
): { values: number[]; vectors: Float64Array[] } {
  const size = diagonal.length;
  const d = [...diagonal];
  const e = [...offDiagonal, 0];
  const vectors = d.map((_, i) => {
    const row = new Float64Array(size);
    row[i] = 1;
    return row;
  });
  const negligible = (i: number) => Math.abs(e[i]!) <= Number.EPSILON * (Math.abs(d[i]!) + Math.abs(d[i + 1]!));
  for (let start = 0; start < size; start++) {
    for (;;) {
      let end = start;
      while (end < size - 1 && !negligible(end)) end++;
      if (end === start) break;
      // Wilkinson's shift: the eigenvalue of the leading 2×2 block that is nearer to its first entry.
      const half = (d[start + 1]! - d[start]!) / (2 * e[start]!);
      const root = Math.hypot(half, 1);
      let g = d[end]! - d[start]! + e[start]! / (half + (half >= 0 ? root : -root));
      let [sine, cosine, shift] = [1, 1, 0];
      for (let i = end - 1; i >= start; i--) {
        const f = sine * e[i]!;
        const b = cosine * e[i]!;
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          [sine, cosine] = [0, 1];
        } else {
          sine = f / r;
          cosine = g / r;
        }
        g = d[i + 1]! - shift;
        const turned = (d[i]! - g) * sine + 2 * cosine * b;
        shift = sine * turned;
        d[i + 1] = g + shift;
        g = cosine * turned - b;
        for (const row of vectors) {
          const [left, right] = [row[i]!, row[i + 1]!];
          row[i + 1] = sine * left + cosine * right;
          row[i] = cosine * left - sine * right;
        }
      }
      d[start] = d[start]! - shift;
      e[start] = g;
      e[end] = 0;
    }
  }
  return { values: d, vectors };
}
