import { RatchetError } from '../../config/errors.js';
import { GraphBuilder, sameShape, sizeOf, type ElementType, type TypedArray, type View } from './graph.js';
import { elementwiseKernels } from './kernels/elementwise.js';
import { indexingKernels } from './kernels/indexing.js';
import type { KernelTable, RecordKernel } from './kernels/kernel.js';
import { matrixKernels } from './kernels/matrix.js';
import { reductionKernels } from './kernels/reduction.js';
import { shapeKernels } from './kernels/shape.js';
import { tf } from './tfjs.js';

export const RECORDING_BACKEND = 'ratchet-recorder';

interface Entry {
  view: View;
  references: number;
  recording: GraphBuilder | null;
}

/** tfjs knows no other types; wider ones are cast when an input is declared. */
const reportedType = (type: ElementType): tf.DataType => (type === 'float32' || type === 'bool' ? type : 'int32');

/**
 * A tfjs backend that computes nothing: every kernel call becomes nodes of the current recording. Disposal only counts
 * references, because `tf.tidy` frees tensors that a `gradFunc` still holds.
 */
class RecordingBackend extends tf.KernelBackend {
  private readonly entries = new WeakMap<object, Entry>();
  private live = 0;
  recording: GraphBuilder | null = null;
  /** Computes a recorded tensor that is read with `data()`; without it a read is refused, as it is inside `trace`. */
  evaluate: ((view: View) => Promise<tf.BackendValues>) | null = null;

  get graph(): GraphBuilder {
    if (!this.recording)
      throw new RatchetError('E_INTERNAL', 'A tfjs op ran on the recording backend outside of a recording.', {
        hint: 'Call tfjs ops inside the function given to trace().',
      });
    return this.recording;
  }

  register(view: View): tf.TensorInfo {
    const dataId = {};
    this.entries.set(dataId, { view, references: 1, recording: view.value.data ? null : this.graph });
    this.live++;
    return { dataId, shape: view.shape, dtype: reportedType(view.value.type) };
  }

  viewOf(tensor: tf.TensorInfo): View {
    const entry = this.entries.get(tensor.dataId);
    if (!entry || (entry.recording && entry.recording !== this.recording))
      throw new RatchetError('E_INTERNAL', `A tensor of shape [${tensor.shape}] belongs to another recording.`, {
        hint: 'Create tensors inside the traced function; do not keep them between traces.',
      });
    return this.graph.reshape(entry.view, tensor.shape);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const size = sizeOf(shape);
    const list = (values ?? new Float32Array(size)) as ArrayLike<number>;
    return this.register((this.recording ?? new GraphBuilder()).constant(list, dtype as ElementType, shape)).dataId;
  }

  override move(
    dataId: object,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    references: number,
  ): void {
    const view = this.graph.constant(values as ArrayLike<number>, dtype as ElementType, shape);
    this.entries.set(dataId, { view, references, recording: null });
    this.live++;
  }

  override readSync(dataId: object): TypedArray & tf.BackendValues {
    const { view } = this.entries.get(dataId)!;
    const { data, uniform } = view.value;
    if (!data)
      throw new RatchetError(
        'E_INTERNAL',
        'The value of a recorded tensor was read; it exists only when the graph runs.',
        {
          hint: 'Use tf.where or arithmetic instead of reading data inside a traced function.',
        },
      );
    if (uniform === undefined) return data as TypedArray & tf.BackendValues;
    const Constructor = data.constructor as new (size: number) => TypedArray;
    return (new Constructor(sizeOf(view.shape)) as Float32Array).fill(uniform) as TypedArray & tf.BackendValues;
  }

  override async read(dataId: object): Promise<tf.BackendValues> {
    const { view } = this.entries.get(dataId)!;
    const known = view.value.uniform !== undefined || (view.value.data && sameShape(view.value.shape, view.shape));
    return this.evaluate && !known ? this.evaluate(view) : this.readSync(dataId);
  }

  override numDataIds(): number {
    return this.live;
  }

  override refCount(dataId: object): number {
    return this.entries.get(dataId)?.references ?? 0;
  }

  override incRef(dataId: object): void {
    this.entries.get(dataId)!.references++;
  }

  override disposeData(dataId: object): boolean {
    const entry = this.entries.get(dataId);
    if (entry && --entry.references <= 0) this.live--;
    return true;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }
}

export const recorder = new RecordingBackend();
tf.registerBackend(RECORDING_BACKEND, () => recorder, 0);

/** Registers how a tfjs kernel is recorded. */
export function registerRecordedKernel(kernelName: string, record: RecordKernel): void {
  tf.registerKernel({
    kernelName,
    backendName: RECORDING_BACKEND,
    kernelFunc: ({ inputs, attrs }) => {
      const operands: Record<string, View> = {};
      for (const [name, tensor] of Object.entries(inputs)) if (tensor) operands[name] = recorder.viewOf(tensor);
      const result = record(recorder.graph, operands, attrs ?? {});
      return Array.isArray(result) ? result.map((view) => recorder.register(view)) : recorder.register(result);
    },
  });
}

const kernels: KernelTable = {
  ...elementwiseKernels,
  ...reductionKernels,
  ...matrixKernels,
  ...shapeKernels,
  ...indexingKernels,
};
for (const [name, record] of Object.entries(kernels)) registerRecordedKernel(name, record);

/** Names of the tfjs kernels that can be recorded. */
export const recordedKernels: readonly string[] = Object.keys(kernels);
