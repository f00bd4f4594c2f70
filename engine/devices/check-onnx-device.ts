import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Executable, tf, trace } from '../trace/index.js';
import {
  CHECK_MILLISECONDS,
  CHECK_SIZE,
  availableAt,
  measureProducts,
  unavailable,
  type DeviceCheck,
} from './device.js';

type OnnxDevice = 'cpu' | 'cuda' | 'webgpu';

const FIXES: Record<OnnxDevice, string> = {
  cpu: 'Install the packages again with `npm ci`.',
  cuda: 'Run `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node`, with CUDA 12 and cuDNN installed.',
  webgpu: 'Install a graphics driver with Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows).',
};

/** Runs a recorded product on one of onnxruntime's execution providers. Never throws: a device that fails is not available. */
export async function checkOnnxDevice(device: OnnxDevice, milliseconds = CHECK_MILLISECONDS): Promise<DeviceCheck> {
  const missing = device === 'cuda' ? missingCudaProvider() : null;
  if (missing !== null) return unavailable(device, missing, FIXES.cuda);
  try {
    const shape = [CHECK_SIZE, CHECK_SIZE];
    const spec = { shape, dtype: 'float32' as const };
    const graph = trace({ a: spec, b: spec }, ({ a, b }) => ({ c: tf.matMul(a!, b!) }));
    const executable = await Executable.compile(graph, { provider: device });
    try {
      const ones = { dtype: spec.dtype, shape, data: new Float32Array(CHECK_SIZE ** 2).fill(1) };
      const product = async () => (await executable.run({ a: ones, b: ones }))['c']!.data as Float32Array;
      return availableAt(device, await measureProducts(product, milliseconds));
    } finally {
      executable.release();
    }
  } catch (error) {
    return unavailable(device, reason(error), FIXES[device]);
  }
}

/** The first line of a fault, without the source files that onnxruntime puts in front. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .split('\n')[0]!
    .replace('The graph could not be compiled: ', '')
    .replace(/\/\S+\.cc:\d+ .*? was false\. /, '');
}

/** Looked for first: onnxruntime writes to the terminal when it does not find the library. Null when it is there. */
function missingCudaProvider(): string | null {
  const require = createRequire(import.meta.url);
  const root = path.dirname(require.resolve('onnxruntime-node/package.json'));
  const name = process.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so';
  const file = path.join(root, 'bin', 'napi-v6', process.platform, process.arch, name);
  return existsSync(file) ? null : `onnxruntime's CUDA provider (${name}) is not installed`;
}
