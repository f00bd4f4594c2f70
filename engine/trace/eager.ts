import type { HostTensor } from '../api.js';
import { fromFloat16 } from '../formats/half.js';
import { tf } from './tfjs.js';

/** tfjs' own backend in JavaScript (slow: the oracle that recordings are checked against), or native TensorFlow. */
export type EagerBackend = 'cpu' | 'tensorflow';

/** Runs a traceable function op by op. int64 and uint8 inputs become int32, and float16 float32. */
export async function runEagerly(
  backend: EagerBackend,
  inputs: Record<string, HostTensor>,
  fn: (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>,
): Promise<Record<string, HostTensor>> {
  const previous = tf.getBackend();
  await tf.setBackend(backend);
  try {
    const results: Record<string, HostTensor> = {};
    tf.tidy(() => {
      const tensors = Object.fromEntries(Object.entries(inputs).map(([name, host]) => [name, toTensor(host)]));
      for (const [name, tensor] of Object.entries(fn(tensors)))
        results[name] = {
          dtype: tensor.dtype as HostTensor['dtype'],
          shape: [...tensor.shape],
          data: tensor.dataSync().slice() as HostTensor['data'],
        };
    });
    return results;
  } finally {
    if (previous) await tf.setBackend(previous);
  }
}

function toTensor({ dtype, shape, data }: HostTensor): tf.Tensor {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool')
    return tf.tensor((data as Float32Array | Int32Array | Uint8Array).slice(), shape, dtype);
  if (dtype === 'float16') return tf.tensor(fromFloat16(data as Uint16Array), shape, 'float32');
  return tf.tensor(Int32Array.from(data as Uint8Array, Number), shape, 'int32');
}
