import { loadOnnxRuntime } from '../../../engine/trace/onnxruntime.js';
import { check, guarded, type Check } from './check.js';

/** An ONNX model of one node, c = a·b, with a and b of 512×512 float32 (opset 13). */
const MATRIX_PRODUCT =
  'CAhCAhANOlsKEQoBYQoBYhIBYyIGTWF0TXVsEgFnWhUKAWESEAoOCAESCgoDCIAECgMIgARaFQoBYhIQCg4IARIKCgMIgAQKAwiABGIVCgFjEhAKDggBEgoKAwiABAoDCIAE';
const SIZE = 512;
const MEASURE_MILLISECONDS = 1_000;

/** Multiplies matrices for a second: the engine's runtime loads, computes right, and how fast it is. */
export function checkOnnxRuntime(): Promise<Check> {
  return guarded('onnxruntime', 'Install the packages again with `npm ci`.', async () => {
    const ort = await loadOnnxRuntime();
    const session = await ort.InferenceSession.create(Buffer.from(MATRIX_PRODUCT, 'base64'));
    const ones = new ort.Tensor('float32', new Float32Array(SIZE * SIZE).fill(1), [SIZE, SIZE]);
    const started = performance.now();
    let products = 0;
    let first: number | bigint | string | undefined;
    while (performance.now() - started < MEASURE_MILLISECONDS) {
      const { c } = await session.run({ a: ones, b: ones });
      first = (c!.data as Float32Array)[0];
      products += 1;
    }
    const seconds = (performance.now() - started) / 1000;
    await session.release();
    if (first !== SIZE)
      return check(
        'onnxruntime',
        'fail',
        `a product of ones is ${first}, not ${SIZE}`,
        'Install the packages again with `npm ci`.',
      );
    const rate = (products * 2 * SIZE ** 3) / seconds / 1e9;
    return check('onnxruntime', 'ok', `${ort.env.versions.node ?? ''}, ${rate.toFixed(0)} GFLOP/s in float32 products`);
  });
}

/** Opens a database in memory. */
export function checkDuckDb(): Promise<Check> {
  return guarded('DuckDB', 'Install the packages again with `npm ci`.', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll('SELECT version()');
    const version = String(reader.getRowsJS()[0]?.[0]);
    connection.closeSync();
    instance.closeSync();
    return check('DuckDB', 'ok', version);
  });
}
