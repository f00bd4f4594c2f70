import type { HostTensor } from '../../engine/api.js';
import type { LoadedModel } from '../../engine/nn/load-model.js';
import { classify, forward, logits } from '../../engine/nn/model.js';
import { adaptedParameters, adapterInputs } from '../../engine/peft/adapter-inputs.js';
import type { LoraAdapter } from '../../engine/peft/lora.js';
import { frozenWeights } from '../../engine/peft/pissa.js';
import { quantizedFeeds } from '../../engine/quantization/quantized-linear.js';
import type { QuantizedWeights } from '../../engine/quantization/quantized-weight.js';
import { Executable, tf, trace } from '../../engine/trace/index.js';
import { integersOf, tensorOf } from './reference-tensors.js';

/**
 * Logits of the fixture's probe batch: `[batch, time, vocabulary]` of language models, padded positions too, or
 * `[batch, classes]`.
 */
export async function probeLogits(
  model: LoadedModel & { adapter?: LoraAdapter; quantized?: QuantizedWeights },
  probe: ReadonlyMap<string, HostTensor>,
): Promise<Float32Array> {
  const { config, adapter } = model;
  const integers = (name: string, values = integersOf(tensorOf(probe, name))): HostTensor => ({
    dtype: 'int32',
    shape: tensorOf(probe, name).shape,
    data: Int32Array.from(values),
  });
  const feeds: Record<string, HostTensor> = {
    ...Object.fromEntries(adapter ? [...frozenWeights(model.weights, adapter), ...adapter.tensors] : model.weights),
    ...quantizedFeeds(model.quantized ?? new Map()),
    'in.ids': integers('probe.input_ids'),
    'in.mask': integers('probe.attention_mask'),
  };
  if (config.kind === 'encoder-decoder') {
    const labels = integersOf(tensorOf(probe, 'probe.labels'));
    const time = tensorOf(probe, 'probe.labels').shape[1]!;
    const shifted = labels.map((_, i) => (i % time === 0 ? config.startId : Math.max(labels[i - 1]!, 0)));
    feeds['in.decoder'] = integers('probe.labels', shifted);
  }
  const executable = await Executable.compile(
    trace(feeds, (tensors) => {
      const params = adaptedParameters(adapter ?? null, tensors);
      const adapters = adapter && adapterInputs(adapter, tensors);
      const { hidden } = forward(config, params, {
        inputIds: tensors['in.ids']!,
        keyMask: tensors['in.mask']!,
        ...(adapters && { adapters }),
        ...(tensors['in.decoder'] && { decoderIds: tensors['in.decoder'] }),
      });
      if (config.kind === 'classifier') return { logits: classify(config, params, hidden, adapters) };
      return { logits: logits(config, params, tf.reshape(hidden, [-1, config.hiddenSize])) };
    }),
  );
  try {
    return (await executable.run(feeds))['logits']!.data as Float32Array;
  } finally {
    executable.release();
  }
}
