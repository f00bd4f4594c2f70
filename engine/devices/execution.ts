import type { CompileOptions } from '../trace/index.js';
import type { DeviceName } from './device.js';

/** How programs run on a device: compiled on one of onnxruntime's providers, or op by op on native TensorFlow. */
export function executionOf(device: DeviceName): Pick<CompileOptions, 'provider' | 'eager'> {
  if (device === 'tfjs-node' || device === 'tfjs-node-gpu') return { eager: 'tensorflow' };
  return { provider: device };
}
