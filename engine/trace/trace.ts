import { RatchetError } from '../../config/errors.js';
import { GraphBuilder, type ElementType, type Graph, type View } from './graph.js';
import { RECORDING_BACKEND, recorder } from './recorder.js';
import { tf } from './tfjs.js';

/** Shape and type of one input. Types that tfjs does not know are read and cast once: float16 to float32, the others to int32. */
export interface InputSpec {
  shape: number[];
  dtype: 'float32' | 'int32' | 'bool' | 'float16' | 'uint8' | 'int64';
}

const castTo: Record<InputSpec['dtype'], ElementType> = {
  float32: 'float32',
  int32: 'int32',
  bool: 'bool',
  float16: 'float32',
  uint8: 'int32',
  int64: 'int32',
};

/**
 * Runs `fn` once on the recording backend and returns what it would compute. `fn` may use any recorded tfjs op,
 * `tf.grads`, `tf.valueAndGrads` and `tf.customGrad`, but not read values. Equal functions give equal graphs.
 * @throws E_INTERNAL when `fn` uses a kernel that cannot be recorded, reads a value, or traces inside a trace.
 */
export function trace(
  inputs: Record<string, InputSpec>,
  fn: (tensors: Record<string, tf.Tensor>) => Record<string, tf.Tensor>,
): Graph {
  if (recorder.recording) throw new RatchetError('E_INTERNAL', 'trace() was called inside a traced function.');
  const previousBackend = tf.getBackend();
  const graph = new GraphBuilder();
  recorder.recording = graph;
  try {
    void tf.setBackend(RECORDING_BACKEND);
    const outputs: Record<string, View> = {};
    tf.tidy(() => {
      const tensors: Record<string, tf.Tensor> = {};
      for (const [name, { shape, dtype }] of Object.entries(inputs)) {
        const view = graph.cast(graph.input(name, dtype, shape), castTo[dtype]);
        tensors[name] = tf.engine().makeTensorFromTensorInfo(recorder.register(view));
      }
      for (const [name, tensor] of Object.entries(fn(tensors))) outputs[name] = recorder.viewOf(tensor);
    });
    return graph.finish(outputs);
  } catch (error) {
    const missing = /Kernel '(\w+)' not registered/.exec(error instanceof Error ? error.message : '');
    if (!missing) throw error;
    throw new RatchetError('E_INTERNAL', `The tfjs kernel ${missing[1]} cannot be recorded.`, {
      hint: 'Write the function with recorded kernels, or add the kernel to engine/trace/kernels.',
      cause: error,
    });
  } finally {
    recorder.recording = null;
    if (previousBackend && previousBackend !== RECORDING_BACKEND) void tf.setBackend(previousBackend);
  }
}
