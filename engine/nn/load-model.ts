import { RatchetError } from '../../config/errors.js';
import { stream } from '../../config/random.js';
import type { HostTensor } from '../api.js';
import { isSameTensor, readModelTensors } from '../formats/safetensors.js';
import { unpackCheckpoint } from '../quantization/bitsandbytes.js';
import { toRest, type WeightPrecision } from '../quantization/half-weights.js';
import type { ModelConfig } from './config.js';
import { readModelConfig } from './new-head.js';
import { embeddingName, headModules, parameterShapes } from './parameters.js';

export interface LoadedModel {
  config: ModelConfig;
  /** Every parameter of the model by its Hugging Face name, float32 (or as asked, float16); nothing else. */
  weights: Map<string, HostTensor>;
  /** Modules of the head that were drawn, because the file has none; they must be trained or saved to be had again. */
  newModules?: string[];
}

export interface LoadOptions {
  /**
   * Classifiers: gives the model a new head for these classes, drawn as transformers draws it (normal, deviation 0.02,
   * biases 0) from the streams (seed, 'head', name). A body that the file has no pooler for gets a new one, too.
   */
  newHead?: { labels: readonly string[]; seed: number };
  /** What the large weights rest in, see `halved`; float32 when left out. Each is rounded as it is read. */
  precision?: WeightPrecision | undefined;
  /** What is kept of a parameter instead; asked right after it was read, so that only one is there as the file has it. */
  keep?: (parameter: string, tensor: HostTensor) => HostTensor;
}

/**
 * Loads `config.json` and the weights of a model folder (one safetensors file or shards; float32, float16 or bfloat16),
 * and checks that they fit each other. Weights that bitsandbytes quantised to NF4 are unpacked. Checkpoints of the body alone, which leave out the prefix (`transformer.`,
 * `bert.`, …), and norms called gamma and beta are accepted.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming the architecture, or every missing, misshapen or not finite tensor;
 *   `E_NOT_FOUND`
 */
export async function loadModel(folder: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const parsed = await readModelConfig(folder);
  const keep = options.keep ?? toRest(parsed, options.precision);
  const parameters = new Map(
    [...parameterShapes(parsed).keys()].flatMap((name) =>
      [...spellings(name)].map((spelling): [string, string] => [spelling, name]),
    ),
  );
  const convert = (name: string, tensor: HostTensor) => keep(parameters.get(name) ?? name, tensor);
  const tensors = unpackCheckpoint(folder, parsed, (await readModelTensors(folder, { convert })).tensors);
  return assembleModel(folder, parsed, tensors, { ...options, keep });
}

/**
 * The model that a folder's tensors make up: with the head they hold or a new one, every parameter checked.
 *
 * @param folder for messages
 * @param packed parameters that are kept elsewhere, as codes: neither looked for nor checked
 * @throws RatchetError `E_MODEL_INVALID` naming every missing, misshapen or not finite tensor
 */
export function assembleModel(
  folder: string,
  parsed: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  options: LoadOptions,
  packed: ReadonlyMap<string, unknown> = new Map(),
): LoadedModel {
  const keep = options.keep ?? toRest(parsed, options.precision);
  const config = withNewHead(folder, withFoundHead(parsed, tensors), options);
  return { config, ...selectWeights(folder, config, tensors, { ...options, keep }, packed) };
}

/**
 * The file can tell more of the head than the config does: as in transformers 5, one that differs from the embedding is
 * the model's own whatever the config says. T5's config says nothing: transformers 5 always writes that the head is tied.
 */
function withFoundHead(config: ModelConfig, tensors: ReadonlyMap<string, HostTensor>): ModelConfig {
  if (config.kind === 'classifier' || (config.kind === 'decoder' && !config.tiedHead)) return config;
  const head = tensors.get('lm_head.weight');
  const embedding = findTensor(tensors, embeddingName(config));
  return { ...config, tiedHead: !head || !embedding || isSameTensor(head, embedding) };
}

function withNewHead(folder: string, config: ModelConfig, { newHead }: LoadOptions): ModelConfig {
  if (!newHead) return config;
  if (config.kind !== 'classifier' || newHead.labels.length === 0)
    throw new RatchetError(
      'E_USAGE',
      newHead.labels.length === 0
        ? 'newHead: there are no labels.'
        : `${folder}: a ${config.architecture} model has no classification head.`,
      { hint: 'Give at least one label, and a DistilBERT, BERT or RoBERTa model.' },
    );
  return { ...config, labels: [...newHead.labels] };
}

/** T5's embedding is one parameter with three names; a file without duplicates may have kept any of them. */
const SHARED: Readonly<Record<string, string[]>> = {
  'shared.weight': ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'],
};

/** Names under which older checkpoints, or those of the body alone, keep a parameter. */
function* spellings(name: string): Generator<string> {
  for (const full of [name, name.replace(/^(transformer|model|bert|roberta|distilbert)\./, '')]) {
    yield full;
    if (full.includes('LayerNorm.')) yield full.replace(/weight$/, 'gamma').replace(/bias$/, 'beta');
  }
  yield* SHARED[name] ?? [];
}

const findTensor = (tensors: ReadonlyMap<string, HostTensor>, name: string): HostTensor | undefined =>
  [...spellings(name)].map((spelling) => tensors.get(spelling)).find((tensor) => tensor !== undefined);

function selectWeights(
  folder: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  { newHead, keep }: LoadOptions & Required<Pick<LoadOptions, 'keep'>>,
  packed: ReadonlyMap<string, unknown>,
): Omit<LoadedModel, 'config'> {
  const weights = new Map<string, HostTensor>();
  const newModules = new Set<string>();
  const faults: string[] = [];
  const head = headModules(config).map((module) => module.name);
  const tiedName = config.tiedHead ? embeddingName(config) : null;
  for (const [name, shape] of parameterShapes(config)) {
    if (packed.has(name)) continue;
    // Of a tied pair safetensors' save_model keeps the name that sorts first, which is the head's.
    const found = findTensor(tensors, name) ?? (name === tiedName ? tensors.get('lm_head.weight') : undefined);
    const module = name.replace(/\.(weight|bias)$/, '');
    // The classifier is new even where the file has one: it was for other classes.
    const fresh = newHead && (module === head.at(-1) || (!found && head.includes(module)));
    if (fresh) newModules.add(module);
    const tensor = fresh ? drawn(newHead.seed, name, shape) : found;
    const fault = tensor ? unusable(tensor, shape) : 'is missing';
    if (fault !== null) faults.push(`tensor "${name}" ${fault}`);
    // What was unpacked from a quantised file was not a parameter when it was read.
    else weights.set(name, keep(name, tensor!));
  }
  if (faults.length > 0)
    throw new RatchetError(
      'E_MODEL_INVALID',
      `${folder}: ${faults.slice(0, 5).join('; ')}${faults.length > 5 ? `; and ${faults.length - 5} more` : ''}.`,
      {
        hint:
          config.kind === 'classifier' && faults.every((fault) => fault.endsWith('is missing'))
            ? 'If this is a body without a classification head, ask for a new head by naming its classes (labels); otherwise download the model again.'
            : 'The weights and config.json belong to different models, or the download was incomplete.',
      },
    );
  return { weights, ...(newHead && { newModules: [...newModules] }) };
}

function unusable({ dtype, shape, data }: HostTensor, wanted: readonly number[]): string | null {
  if (shape.join() !== wanted.join())
    return `has shape [${shape.join(', ')}], config.json wants [${wanted.join(', ')}]`;
  // Only finite numbers were brought to 16 bits.
  if (dtype === 'float16') return null;
  if (dtype !== 'float32') return `holds ${dtype} instead of floats`;
  const values = data as Float32Array;
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return `holds ${values[i]} at element ${i}`;
  return null;
}

function drawn(seed: number, name: string, shape: number[]): HostTensor {
  const draws = stream(seed, 'head', name);
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = Float32Array.from({ length: size }, () => (shape.length === 1 ? 0 : draws.normal() * 0.02));
  return { dtype: 'float32', shape, data };
}
