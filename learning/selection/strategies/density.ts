import { rowNorms, type Matrix } from './matrix.js';

/**
 * Information density (Settles & Craven 2008): mean cosine of each row to all rows, 0 … 1 after (1 + c) / 2. One pass:
 * the mean cosine is the product with the mean of the normalised rows.
 */
export function densities({ data, rows, columns }: Matrix): Float64Array {
  const norms = rowNorms({ data, rows, columns });
  const centre = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    if (norms[row] === 0) continue;
    for (let column = 0; column < columns; column++) {
      centre[column]! += data[row * columns + column]! / norms[row]! / rows;
    }
  }
  return Float64Array.from({ length: rows }, (_, row) => {
    if (norms[row] === 0) return 0.5;
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += data[row * columns + column]! * centre[column]!;
    return (1 + sum / norms[row]!) / 2;
  });
}
