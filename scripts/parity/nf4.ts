import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostTensor } from '../../engine/api.js';
import { readAdapter } from '../../engine/formats/peft.js';
import { readSafetensors } from '../../engine/formats/safetensors.js';
import { loadModel } from '../../engine/nn/load-model.js';
import { loraFromPeft } from '../../engine/peft/from-peft.js';
import { decodeBitsandbytes, encodeBitsandbytes } from '../../engine/quantization/bitsandbytes.js';
import { NESTED_CODE, quantizeAbsmax, recoverAbsmax } from '../../engine/quantization/double-quantization.js';
import { codeAt, dequantizeNf4, NF4_LEVELS, quantizeNf4 } from '../../engine/quantization/nf4.js';
import { dequantizeModel, quantizeModel } from '../../engine/quantization/quantized-weight.js';
import { compareTensors, followTrajectory, type Trajectory } from './lora.js';
import { probeLogits } from './probe-logits.js';
import { floatsOf, integersOf, tensorOf } from './reference-tensors.js';
import { largestDifference, type CaseRecorder } from './report.js';

/** Tolerances of the fixtures' README; dequantised values relative to the tensor's largest absmax. */
const DEQUANTISED = 1e-6;
const AFTER_TRAINING = 1e-3;

/** One file or folder of nf4/. */
export async function checkNf4Group(folder: string, name: string, record: CaseRecorder): Promise<void> {
  if (name === 'nf4.safetensors') return checkNf4(join(folder, name), record);
  if (name === 'report.json') return checkReport(join(folder, name), join(folder, 'nf4.safetensors'), record);
  if (name.startsWith('qlora_')) return checkQlora(join(folder, name), record);
  return record.unknown('', 'no check for this file');
}

/** nf4/nf4.safetensors: codes, absmax and what they stand for, with and without double quantisation. */
async function checkNf4(file: string, record: CaseRecorder): Promise<void> {
  const { tensors } = await readSafetensors(file);
  const bytes = (name: string) => integersOf(tensorOf(tensors, name));
  record.within('nf4_levels', largestDifference(NF4_LEVELS, floatsOf(tensors, 'nf4_levels')), 0);
  record.within('nested_code', largestDifference(NESTED_CODE, floatsOf(tensors, 'nested_code')), 0);
  for (const key of tensors.keys()) {
    if (!key.endsWith('.weight')) continue;
    const name = key.slice(0, -'.weight'.length);
    const weight = floatsOf(tensors, key);
    const exact = (part: string, actual: ArrayLike<number>, expected: ArrayLike<number>) =>
      record.within(`${name}/${part}`, largestDifference(actual, expected), 0);
    const { packed, absmax } = quantizeNf4(weight);
    const nested = quantizeAbsmax(absmax);
    const scale = Math.max(...absmax, Number.MIN_VALUE);
    const close = (part: string, actual: Float32Array, expected: Float32Array) =>
      record.within(`${name}/${part}`, largestDifference(actual, expected) / scale, DEQUANTISED);
    exact('packed', packed, bytes(`${name}.packed`));
    exact(
      'codes',
      Array.from(weight, (_, i) => codeAt(packed, i)),
      bytes(`${name}.codes`),
    );
    exact('absmax', absmax, floatsOf(tensors, `${name}.absmax`));
    close('dequant', dequantizeNf4({ packed, absmax }, weight.length), floatsOf(tensors, `${name}.dequant`));
    exact('dq.packed', packed, bytes(`${name}.dq.packed`));
    exact('dq.absmax_u8', nested.codes, bytes(`${name}.dq.absmax_u8`));
    close('dq.offset', Float32Array.of(nested.offset), floatsOf(tensors, `${name}.dq.offset`));
    close('dq.nested_absmax', nested.nestedAbsmax, floatsOf(tensors, `${name}.dq.nested_absmax`));
    const recovered = recoverAbsmax(nested);
    close('dq.absmax_recovered', recovered, floatsOf(tensors, `${name}.dq.absmax_recovered`));
    close(
      'dq.dequant',
      dequantizeNf4({ packed, absmax: recovered }, weight.length),
      floatsOf(tensors, `${name}.dq.dequant`),
    );
  }
}

/** nf4/report.json: the block and byte counts it states of each weight. */
async function checkReport(file: string, weights: string, record: CaseRecorder): Promise<void> {
  const report = JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, unknown>>;
  const { tensors } = await readSafetensors(weights, { filter: (name) => name.endsWith('.weight') });
  for (const [name, { shape, blocks, packed_bytes: bytes }] of Object.entries(report)) {
    if (!tensors.has(`${name}.weight`)) continue;
    const { packed, absmax } = quantizeNf4(floatsOf(tensors, `${name}.weight`));
    const found = [tensorOf(tensors, `${name}.weight`).shape, absmax.length, packed.length];
    record.equal(name, found, [shape, blocks, bytes]);
  }
}

/** nf4/qlora_*: the bitsandbytes checkpoint both ways, and LoRA training on the frozen codes. */
async function checkQlora(folder: string, record: CaseRecorder): Promise<void> {
  const trajectory = JSON.parse(await readFile(join(folder, 'trajectory.json'), 'utf8')) as Trajectory;
  const base = await loadModel(join(folder, trajectory.meta.base));
  const { config } = base;
  const file = join(folder, 'model_bnb_nf4.safetensors');
  const { tensors: stored } = await readSafetensors(file);
  const { weights, quantized } = decodeBitsandbytes(file, stored);
  const ours = quantizeModel(config, base.weights);
  const written = new Map([...ours.weights, ...encodeBitsandbytes(ours.quantized)]);
  record.equal('checkpoint_names', [...written.keys()].sort(), [...stored.keys()].sort());
  let differing = 0;
  for (const [name, tensor] of stored) if (!sameTensor(written.get(name), tensor)) differing++;
  record.within('checkpoint_tensors', differing, 0);

  const { tensors: reference } = await readSafetensors(join(folder, 'dequantised.safetensors'));
  const recovered = dequantizeModel(config, weights, quantized);
  let largest = 0;
  for (const name of reference.keys())
    largest = Math.max(largest, largestDifference(floatsOf(recovered, name), floatsOf(reference, name)));
  record.within('dequantised', largest, DEQUANTISED);

  const initial = loraFromPeft(config, await readAdapter(join(folder, 'initial')));
  const model = { config, weights, quantized };
  const tensors = await followTrajectory(folder, trajectory, model, initial, record);
  compareTensors('final_adapter', tensors, (await readAdapter(join(folder, 'final'))).tensors, record);
  const { tensors: expected } = await readSafetensors(join(folder, 'expected.safetensors'));
  const found = await probeLogits({ ...model, adapter: { ...initial, tensors } }, expected);
  record.within('probe_logits', largestDifference(found, floatsOf(expected, 'probe.logits')), AFTER_TRAINING);
}

const sameTensor = (a: HostTensor | undefined, b: HostTensor): boolean =>
  a?.dtype === b.dtype && a.shape.join() === b.shape.join() && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;

const bytesOf = ({ data }: HostTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
