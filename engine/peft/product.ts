import type { LinearModule } from '../nn/parameters.js';
import { loraKey } from './keys.js';
import type { AdaptedModule, LoraAdapter } from './lora.js';

/** Place of weight (output, input) in a module's stored weight. */
export const weightIndex = ({ inputs, outputs, layout }: LinearModule, output: number, input: number): number =>
  layout === 'out-in' ? output * inputs + input : input * outputs + output;

/**
 * Calls `visit` with each output's row of scale · B·A, computed in float64.
 *
 * @param visit gets a row of `in` numbers that the next call overwrites
 */
export function forEachProductRow(
  adapter: LoraAdapter,
  { name, inputs, outputs, rank, scale }: AdaptedModule,
  visit: (output: number, row: Float64Array) => void,
): void {
  const a = adapter.tensors.get(loraKey(name, 'A'))!.data as Float32Array;
  const b = adapter.tensors.get(loraKey(name, 'B'))!.data as Float32Array;
  const row = new Float64Array(inputs);
  for (let output = 0; output < outputs; output++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * b[output * rank + r]!;
      for (let i = 0; i < inputs; i++) row[i] = row[i]! + factor * a[r * inputs + i]!;
    }
    visit(output, row);
  }
}

/** The length of each output's row of a stored weight, `[out]`. */
export function rowNorms(weight: Float32Array, module: LinearModule): Float32Array {
  return Float32Array.from({ length: module.outputs }, (_, output) => {
    let sum = 0;
    for (let input = 0; input < module.inputs; input++) sum += weight[weightIndex(module, output, input)]! ** 2;
    return Math.sqrt(sum);
  });
}
