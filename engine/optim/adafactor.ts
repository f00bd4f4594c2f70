import { Optimizer, type OneUpdate, type OptimizerOptions, type Slots } from './optimizer.js';

/** Settings of {@link Adafactor}; transformers' names and defaults, except that `relativeStep` starts false. */
export interface AdafactorSettings extends OptimizerOptions {
  /** Added to the squared gradient. */
  epsilon?: number;
  /** Least root mean square of a parameter when its scale multiplies the step. */
  scaleEpsilon?: number;
  /** Largest root mean square of an update. */
  clipThreshold?: number;
  /** Exponent of the running average: its weight is 1 − updates^decayRate. */
  decayRate?: number;
  /** Weight of a running mean of the updates; null keeps none. */
  beta1?: number | null;
  /** Multiply the step by the parameter's root mean square. */
  scaleParameter?: boolean;
  /** Step sizes of its own, min(1e-2, 1/√updates), instead of the learning rate it is given. */
  relativeStep?: boolean;
  /** With `relativeStep`: begin at 1e-6 · updates instead of 1e-2. */
  warmupInit?: boolean;
}

/**
 * Adafactor (Shazeer & Stern 2018) in the order of transformers' `Adafactor`: a matrix remembers one float a row and one a
 * column instead of a second moment, and an update whose root mean square is above the threshold is scaled down. Weight
 * decay 0 when left out; it is decoupled and scaled by the step.
 */
export class Adafactor extends Optimizer {
  private readonly settings: Required<Omit<AdafactorSettings, keyof OptimizerOptions>>;

  constructor({ weightDecay, groupOf, ...settings }: AdafactorSettings = {}) {
    super({ weightDecay, groupOf }, 0);
    this.settings = {
      epsilon: 1e-30,
      scaleEpsilon: 1e-3,
      clipThreshold: 1,
      decayRate: -0.8,
      beta1: null,
      scaleParameter: true,
      relativeStep: false,
      warmupInit: false,
      ...settings,
    };
  }

  protected createSlots(shape: readonly number[], size: number): Slots {
    const [rows, columns] = matrixOf(shape);
    const second: Slots = columns
      ? { rows: new Float32Array(size / columns), columns: new Float32Array(size / rows) }
      : { second: new Float32Array(size) };
    return this.settings.beta1 === null ? second : { ...second, first: new Float32Array(size) };
  }

  protected updateOne({ values, gradient, shape, slots, gradientScale, learningRate, weightDecay }: OneUpdate): void {
    const { epsilon, clipThreshold, decayRate, beta1 } = this.settings;
    const size = values.length;
    const step = this.stepSize(values, learningRate);
    const kept = 1 - this.updates ** decayRate;
    const update = new Float64Array(size);
    const [rows, columns] = matrixOf(shape);
    if (columns) {
      const one = { rowMeans: slots['rows']!, columnMeans: slots['columns']!, rows, columns };
      const matrices = size / (rows * columns);
      for (let m = 0; m < matrices; m++) factorise(one, m, gradient, gradientScale, kept, epsilon, update);
    } else {
      const second = slots['second']!;
      for (let i = 0; i < size; i++) {
        const g = gradient[i]! * gradientScale;
        second[i] = kept * second[i]! + (1 - kept) * (g * g + epsilon);
        update[i] = g / Math.sqrt(second[i]!);
      }
    }
    const factor = step / Math.max(1, rootMeanSquare(update) / clipThreshold);
    const first = slots['first'];
    for (let i = 0; i < size; i++) {
      let u = update[i]! * factor;
      if (first) u = first[i] = beta1! * first[i]! + (1 - beta1!) * u;
      values[i] = values[i]! * (1 - weightDecay * step) - u;
    }
  }

  private stepSize(values: Float32Array, learningRate: number): number {
    const { relativeStep, warmupInit, scaleParameter, scaleEpsilon } = this.settings;
    const least = warmupInit ? 1e-6 * this.updates : 1e-2;
    const step = relativeStep ? Math.min(least, 1 / Math.sqrt(this.updates)) : learningRate;
    return scaleParameter ? step * Math.max(scaleEpsilon, rootMeanSquare(values)) : step;
  }
}

/** Rows and columns of the last two axes; columns 0 where there is only one axis. */
const matrixOf = (shape: readonly number[]): [rows: number, columns: number] =>
  shape.length < 2 ? [0, 0] : [shape.at(-2)!, shape.at(-1)!];

/** The `index`-th matrix: running means over its rows and columns, and its scaled gradient in `update`. */
function factorise(
  one: { rowMeans: Float32Array; columnMeans: Float32Array; rows: number; columns: number },
  index: number,
  gradient: Float32Array,
  gradientScale: number,
  kept: number,
  epsilon: number,
  update: Float64Array,
): void {
  const { rowMeans, columnMeans, rows, columns } = one;
  const start = index * rows * columns;
  const [firstRow, firstColumn] = [index * rows, index * columns];
  const rowSums = new Float64Array(rows);
  const columnSums = new Float64Array(columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const g = gradient[start + r * columns + c]! * gradientScale;
      const square = g * g + epsilon;
      rowSums[r]! += square;
      columnSums[c]! += square;
    }
  let mean = 0;
  for (let r = 0; r < rows; r++) {
    const at = firstRow + r;
    rowMeans[at] = kept * rowMeans[at]! + ((1 - kept) * rowSums[r]!) / columns;
    mean += rowMeans[at]! / rows;
  }
  for (let c = 0; c < columns; c++) {
    const at = firstColumn + c;
    columnMeans[at] = kept * columnMeans[at]! + ((1 - kept) * columnSums[c]!) / rows;
  }
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const at = start + r * columns + c;
      const second = (rowMeans[firstRow + r]! / mean) * columnMeans[firstColumn + c]!;
      update[at] = (gradient[at]! * gradientScale) / Math.sqrt(second);
    }
}

function rootMeanSquare(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum / values.length);
}
