import { availableParallelism } from 'node:os';
import type * as Ort from 'onnxruntime-node';
import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import type { EagerBackend } from './eager.js';
import { sameShape, type Graph } from './graph.js';
import { toOnnx } from './onnx.js';
import { loadOnnxRuntime } from './onnxruntime.js';

export interface CompileOptions {
  /** Threads inside an operator; all cores when left out. Results do not depend on it. */
  threads?: number;
  /** Keep freed memory for the next run: faster by about 15 %, and markedly larger. */
  memoryArena?: boolean;
  /** onnxruntime's execution provider; `cpu` when left out. Nodes that another one lacks run on the cpu. */
  provider?: 'cpu' | 'cuda' | 'webgpu';
  /** Run programs op by op on this tfjs backend instead of compiling them: see {@link CompileCache.program}. */
  eager?: EagerBackend;
}

/**
 * A step is a thousand short operators: threads that sleep between them wake too late, threads that spin without end
 * (onnxruntime's default) take the core from whoever shares the machine. 50 µs covers the gap between two operators.
 */
const SPIN_BRIEFLY = { session: { intra_op: { allow_spinning: '1', spin_duration_us: '50' } } };

/** A compiled graph. Its runs share no state; a run in progress outlives {@link Executable.release}. */
export class Executable {
  readonly inputs: string[];
  readonly outputs: string[];
  /** onnxruntime's tensors over the host arrays of earlier runs; most feeds (frozen weights) are the same at each step. */
  private readonly wrapped = new WeakMap<HostTensor, Ort.Tensor>();
  private session: Ort.InferenceSession | null;
  private readonly tensor: Ort.TensorConstructor;
  private running = 0;

  private constructor(session: Ort.InferenceSession, tensor: Ort.TensorConstructor) {
    this.session = session;
    this.tensor = tensor;
    this.inputs = [...session.inputNames];
    this.outputs = [...session.outputNames];
  }

  /** Compiles a recorded graph or the bytes of an ONNX model. @throws E_OUT_OF_MEMORY, E_INTERNAL */
  static async compile(onnx: Uint8Array | Graph, options: CompileOptions = {}): Promise<Executable> {
    const bytes = onnx instanceof Uint8Array ? onnx : toOnnx(onnx);
    try {
      const ort = await loadOnnxRuntime();
      return new Executable(
        await ort.InferenceSession.create(bytes, {
          executionProviders: [options.provider ?? 'cpu'],
          executionMode: 'sequential',
          graphOptimizationLevel: 'all',
          interOpNumThreads: 1,
          intraOpNumThreads: options.threads ?? availableParallelism(),
          enableCpuMemArena: options.memoryArena ?? false,
          // One block planned for all intermediate values is larger than the values alive at once (by 60 % in a GPT-2 step).
          enableMemPattern: false,
          logSeverityLevel: 3,
          extra: SPIN_BRIEFLY,
        }),
        ort.Tensor,
      );
    } catch (error) {
      throw runtimeError('The graph could not be compiled', error);
    }
  }

  /**
   * Runs the graph. Host arrays are read in place; feeds that the graph does not use are ignored.
   * @param fetch names of the wanted outputs; all when left out
   * @throws E_INTERNAL when an input is missing, E_OUT_OF_MEMORY
   */
  async run(feeds: Record<string, HostTensor>, fetch: string[] = this.outputs): Promise<Record<string, HostTensor>> {
    const { session } = this;
    if (!session) throw new RatchetError('E_INTERNAL', 'The executable was released before this run.');
    const missing = this.inputs.filter((name) => !feeds[name]);
    if (missing.length > 0)
      throw new RatchetError('E_INTERNAL', `The graph needs inputs that were not fed: ${missing.join(', ')}.`);
    const operands: Record<string, Ort.Tensor> = {};
    for (const name of this.inputs) operands[name] = this.wrap(feeds[name]!);
    this.running++;
    try {
      const results = await session.run(operands, fetch);
      return Object.fromEntries(fetch.map((name) => [name, unwrap(results[name]!)]));
    } catch (error) {
      throw runtimeError('The graph could not be run', error);
    } finally {
      this.running--;
      if (!this.session && this.running === 0) void session.release();
    }
  }

  /** Frees the native memory, after the run in progress if there is one. Safe to call twice. */
  release(): void {
    const { session } = this;
    this.session = null;
    if (this.running === 0) void session?.release();
  }

  private wrap(host: HostTensor): Ort.Tensor {
    const known = this.wrapped.get(host);
    if (known && known.data === (host.data as unknown) && sameShape(known.dims, host.shape)) return known;
    const tensor = new this.tensor(host.dtype, host.data as never, host.shape);
    this.wrapped.set(host, tensor);
    return tensor;
  }
}

const unwrap = (tensor: Ort.Tensor): HostTensor => ({
  dtype: tensor.type as HostTensor['dtype'],
  shape: [...tensor.dims],
  data: tensor.data as HostTensor['data'],
});

function runtimeError(what: string, cause: unknown): RatchetError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/allocate|bad_alloc|out of memory/i.test(message))
    return new RatchetError('E_OUT_OF_MEMORY', `${what}: memory ran out. ${message}`, {
      hint: 'Use a smaller batch with more gradient accumulation steps, or a shorter maximum length.',
      cause,
    });
  return new RatchetError('E_INTERNAL', `${what}: ${message}`, { cause });
}
