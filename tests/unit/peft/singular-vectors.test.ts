import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { singularVectors } from '../../../engine/peft/singular-vectors.js';

const draws = stream(5, 'singular-vectors-test');
const random = (size: number) => Float64Array.from({ length: size }, () => draws.normal());
const rowOf = (matrix: Float64Array, row: number, columns: number) =>
  matrix.subarray(row * columns, (row + 1) * columns);
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe.each([
  [32, 32, 4],
  [16, 40, 16],
  [40, 7, 3],
  [1, 6, 1],
  [90, 120, 5],
])('the singular vectors of a [%i, %i] matrix', (rows, columns, count) => {
  const matrix = random(rows * columns);
  const { values, left, right } = singularVectors(matrix, rows, columns, count);

  it('satisfy M·v = σ·u and Mᵀ·u = σ·v', () => {
    for (let k = 0; k < count; k++) {
      const [u, v] = [rowOf(left, k, rows), rowOf(right, k, columns)];
      for (let i = 0; i < rows; i++)
        expect(Math.abs(dot(rowOf(matrix, i, columns), v) - values[k]! * u[i]!)).toBeLessThan(1e-9);
      for (let j = 0; j < columns; j++) {
        const column = Float64Array.from({ length: rows }, (_, i) => matrix[i * columns + j]!);
        expect(Math.abs(dot(column, u) - values[k]! * v[j]!)).toBeLessThan(1e-9);
      }
    }
  });

  it('are orthonormal, the largest first', () => {
    for (let k = 0; k < count; k++)
      for (let l = 0; l <= k; l++)
        expect(dot(rowOf(left, k, rows), rowOf(left, l, rows))).toBeCloseTo(k === l ? 1 : 0, 9);
    expect(Array.from(values)).toEqual(Array.from(values).sort((a, b) => b - a));
  });

  it('are the same bits again', () => {
    expect(singularVectors(matrix, rows, columns, count)).toEqual({ values, left, right });
  });
});

it('finds them all when asked for all: their squares add up to those of the elements', () => {
  const matrix = random(12 * 30);
  const { values } = singularVectors(matrix, 12, 30, 12);
  expect(dot(values, values)).toBeCloseTo(dot(matrix, matrix), 8);
});

it('finds equal, zero and surplus singular values', () => {
  const identity = Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 2 : 0));
  for (const value of singularVectors(identity, 4, 4, 4).values) expect(value).toBeCloseTo(2, 12);
  expect(Array.from(singularVectors(new Float64Array(12), 3, 4, 2).values)).toEqual([0, 0]);
  const rankOne = Float64Array.from({ length: 6 }, (_, i) => [1, 2][Math.floor(i / 3)]! * [1, 0, 2][i % 3]!);
  const { values } = singularVectors(rankOne, 2, 3, 3);
  expect(values[0]).toBeCloseTo(5, 12);
  expect(values[1]).toBeLessThan(1e-7);
  expect(values[2]).toBe(0);
});
