import type { HostTensor } from '../../../engine/api.js';
import { GraphBuilder, type ElementType } from '../../../engine/trace/graph.js';
import { Executable, tf } from '../../../engine/trace/index.js';
import { RECORDING_BACKEND, recorder } from '../../../engine/trace/recorder.js';
import type { TestEnvironment } from './jasmine.js';

/** How a spec's own numbers reach the graph: as constants, which are folded, or as inputs, like weights and batches. */
export type Operands = 'constants' | 'inputs';

/** Values are read with `data()`, as from every backend that computes later than it is called. */
export const ENVIRONMENT: TestEnvironment = {
  name: RECORDING_BACKEND,
  backendName: RECORDING_BACKEND,
  isDataSync: false,
};

/** What one spec feeds. */
let feeds: Record<string, HostTensor> = {};

/** From now on, reading a recorded tensor compiles and runs what was recorded for it. */
export function evaluateReads(operands: Operands): void {
  recorder.evaluate = async (view) => {
    const executable = await Executable.compile(recorder.graph.finish({ value: view }), { threads: 1 });
    try {
      return (await executable.run(feeds))['value']!.data as tf.BackendValues;
    } finally {
      executable.release();
    }
  };
  if (operands === 'constants') return;
  recorder.write = (values, shape, dtype) => {
    const name = `operand${Object.keys(feeds).length}`;
    const size = tf.util.sizeFromShape(shape);
    const data = tf.util.getTypedArrayFromDType(dtype as 'float32', size);
    if (values) data.set(values as Float32Array);
    feeds[name] = { dtype: dtype as HostTensor['dtype'], shape, data };
    return recorder.register(recorder.graph.input(name, dtype as ElementType, shape)).dataId;
  };
}

/** Starts the recording of a spec. */
export async function startSpec(): Promise<void> {
  feeds = {};
  recorder.recording = new GraphBuilder();
  await tf.setBackend(RECORDING_BACKEND);
  tf.engine().startScope();
}

export function endSpec(): void {
  tf.engine().endScope();
  tf.engine().disposeVariables();
  recorder.recording = null;
}
