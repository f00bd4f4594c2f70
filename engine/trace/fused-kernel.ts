import type { KernelAttributes, RecordKernel } from './kernels/kernel.js';
import { registerRecordedKernel } from './recorder.js';
import { tf } from './tfjs.js';

/** Backends that compute eagerly; a fused kernel runs on them as a composition of their own ops. */
const EAGER_BACKENDS = ['cpu', 'tensorflow'];

type Tensors = Record<string, tf.Tensor>;

export interface FusedKernel {
  name: string;
  /** How the call is recorded: the fused ONNX operator. */
  record: RecordKernel;
  /** The same result from plain tfjs ops. */
  compose(inputs: Tensors, attributes: KernelAttributes): tf.Tensor | tf.Tensor[];
  inputsToSave?: string[];
  outputsToSave?: boolean[];
  /** Gradient of each input from the gradient of the first output and the saved tensors, in order of saving. */
  gradient?(dy: tf.Tensor, saved: tf.Tensor[], attributes: KernelAttributes): Record<string, () => tf.Tensor>;
}

/** Registers a kernel on the recording backend and on the eager backends, with its gradient. Returns the function that calls it. */
export function defineFusedKernel(
  kernel: FusedKernel,
): (inputs: Record<string, tf.Tensor | null | undefined>, attributes?: KernelAttributes) => tf.Tensor[] {
  registerRecordedKernel(kernel.name, kernel.record);
  for (const backendName of EAGER_BACKENDS)
    tf.registerKernel({
      kernelName: kernel.name,
      backendName,
      kernelFunc: ({ inputs, attrs }) => kernel.compose(inputs as unknown as Tensors, attrs ?? {}),
    });
  const { gradient } = kernel;
  if (gradient)
    tf.registerGradient({
      kernelName: kernel.name,
      inputsToSave: kernel.inputsToSave ?? [],
      outputsToSave: kernel.outputsToSave ?? [],
      gradFunc: (dy, saved, attributes) => gradient(Array.isArray(dy) ? dy[0]! : dy, saved, attributes),
    });
  return (inputs, attributes = {}) => {
    const present: Tensors = {};
    for (const [name, tensor] of Object.entries(inputs)) if (tensor) present[name] = tensor;
    const result: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(kernel.name, present, attributes);
    return Array.isArray(result) ? result : [result];
  };
}

/** The axes of a tensor of this rank but the last. */
export const leadingAxes = (rank: number): number[] => Array.from({ length: rank - 1 }, (_, axis) => axis);
