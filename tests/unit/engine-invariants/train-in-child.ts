import { readFile } from 'node:fs/promises';
import type { StepReport, TrainSpec } from '../../../engine/api.js';
import { trainModel } from '../../../engine/train/train-model.js';

/** Process to be killed: trains the spec of the file it is given, reports each step, and then waits a moment for its end. */
const spec = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as TrainSpec;
const onStep = ({ step }: StepReport): void => {
  process.send!(step);
  // The parent kills in between: without this the next steps may be over before the signal comes.
  if (step === 5) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
};
await trainModel(spec, { onStep }, { threads: 1 });
