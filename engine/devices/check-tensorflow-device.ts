import { tf } from '../trace/tfjs.js';
import {
  CHECK_MILLISECONDS,
  CHECK_SIZE,
  availableAt,
  measureProducts,
  unavailable,
  type DeviceCheck,
} from './device.js';

/** Loads a package by name; replaced in tests by one that is there. */
export type LoadPackage = (name: string) => Promise<unknown>;

const loadPackage: LoadPackage = (name) => import(name);

/**
 * Runs a product on native TensorFlow through an optional package, which is loaded only when it is installed. The package
 * `@tensorflow/tfjs-node-gpu` also runs without a GPU, so its backend is asked what it uses. Never throws.
 */
export async function checkTensorflowDevice(
  device: 'tfjs-node' | 'tfjs-node-gpu',
  milliseconds = CHECK_MILLISECONDS,
  load: LoadPackage = loadPackage,
): Promise<DeviceCheck> {
  const name = `@tensorflow/${device}`;
  const previous = tf.getBackend();
  try {
    restoreRemovedHelpers();
    await load(name);
    await tf.setBackend('tensorflow');
    const backend = tf.backend() as { isUsingGpuDevice?: boolean };
    if (device === 'tfjs-node-gpu' && backend.isUsingGpuDevice !== true)
      return unavailable(
        device,
        `${name} is installed, but uses no GPU`,
        'Install the NVIDIA driver and the CUDA libraries it names.',
      );
    const ones = tf.ones([CHECK_SIZE, CHECK_SIZE]);
    try {
      const product = async () => {
        const result = tf.matMul(ones, ones);
        const elements = await result.data();
        result.dispose();
        return elements;
      };
      return availableAt(device, await measureProducts(product, milliseconds));
    } finally {
      ones.dispose();
    }
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    if (isMissing(error, name))
      return unavailable(device, `${name} is not installed (optional)`, `Install it with \`npm install ${name}\`.`);
    return unavailable(device, message, '`ratchet link-libtensorflow DIR` links another libtensorflow.');
  } finally {
    if (previous) await tf.setBackend(previous);
  }
}

const isMissing = (error: unknown, name: string): boolean =>
  error instanceof Error &&
  /ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND/.test(String((error as NodeJS.ErrnoException).code)) &&
  error.message.includes(name);

/** tfjs-node 4.22 calls two functions that Node 23 took out of `util`. */
function restoreRemovedHelpers(): void {
  const util = process.getBuiltinModule?.('node:util') as unknown as Record<string, unknown> | undefined;
  if (!util) return;
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}
