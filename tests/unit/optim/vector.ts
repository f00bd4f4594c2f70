/** A float32 parameter of one axis. */
export const vector = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });

/** A float32 parameter of rows. */
export const matrix = (...rows: number[][]) => ({
  shape: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
});
