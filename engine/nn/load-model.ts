import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import { diskError } from '../formats/disk-error.js';
import { readModelTensors } from '../formats/safetensors.js';
import { parseModelConfig, type ModelConfig } from './config.js';
import { parameterShapes } from './parameters.js';

export interface LoadedModel {
  config: ModelConfig;
  /** Every parameter of the model by its Hugging Face name, float32; nothing else. */
  weights: Map<string, HostTensor>;
}

/**
 * Loads `config.json` and the weights of a model folder, and checks that they fit each other. GPT-2 checkpoints that
 * leave out the `transformer.` prefix are accepted.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming the architecture, or every missing or misshapen tensor; `E_NOT_FOUND`
 */
export async function loadModel(folder: string): Promise<LoadedModel> {
  const file = join(folder, 'config.json');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw diskError(error, `reading ${file}`);
  });
  const config = parseModelConfig(file, text);
  const { tensors } = await readModelTensors(folder);
  return { config, weights: selectWeights(folder, config, tensors) };
}

function selectWeights(folder: string, config: ModelConfig, tensors: Map<string, HostTensor>): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  const faults: string[] = [];
  for (const [name, shape] of parameterShapes(config)) {
    const tensor = tensors.get(name) ?? tensors.get(name.replace(/^transformer\./, ''));
    if (!tensor) faults.push(`tensor "${name}" is missing`);
    else if (tensor.shape.join() !== shape.join())
      faults.push(`tensor "${name}" has shape [${tensor.shape.join(', ')}], config.json wants [${shape.join(', ')}]`);
    else if (tensor.dtype !== 'float32') faults.push(`tensor "${name}" holds ${tensor.dtype} instead of floats`);
    else weights.set(name, tensor);
  }
  if (faults.length > 0)
    throw new RatchetError(
      'E_MODEL_INVALID',
      `${folder}: ${faults.slice(0, 5).join('; ')}${more(faults.length - 5)}.`,
      {
        hint: 'The weights and config.json belong to different models, or the download was incomplete.',
      },
    );
  return weights;
}

const more = (count: number): string => (count > 0 ? `; and ${count} more` : '');
