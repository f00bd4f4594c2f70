import { join } from 'node:path';
import { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import {
  countParameters,
  estimateMemory,
  REGISTERED_MODELS,
  registeredConfig,
  registeredModel,
  resolveModel,
  type MemoryEstimate,
  type RegisteredModel,
} from '../../../engine/registry/index.js';
import {
  outputOf,
  resolveConfig,
  wholeNumber,
  withCommonOptions,
  withPrintOptions,
  type CommonOptions,
  type PrintOptions,
} from '../command-context.js';
import { modelDetails, modelRows } from '../render/models.js';
import { bytes } from '../render/numbers.js';

interface SizeOptions extends PrintOptions {
  batch: number;
  length: number;
  rank: number;
}

interface GetOptions extends CommonOptions {
  revision?: string;
  endpoint?: string;
}

/** A registered model with its counted parameters and the memory that training it needs. */
export interface DescribedModel extends Omit<RegisteredModel, 'shape' | 'parameters'> {
  publishedParameters: number;
  /** Counted from the shapes that this engine would load. */
  measuredParameters: number;
  memory: Record<'full' | 'lora' | 'qlora', MemoryEstimate>;
}

/** `ratchet models`: what can be trained, what that needs, and how to get it. */
export function modelsCommand(): Command {
  const command = new Command('models');
  command.addCommand(
    withSizes(new Command('list').description('List the known models with parameters and memory'), [
      'models list',
      'models list --batch 8 --length 256',
      'models list --json',
    ]).action((options: SizeOptions) => list(options)),
  );
  command.addCommand(
    withSizes(new Command('show').argument('<model>', 'an id of the list').description('Show one model'), [
      'models show gpt2',
      'models show qwen2.5-7b-instruct --rank 16 --json',
    ]).action((model: string, options: SizeOptions) => show(model, options)),
  );
  command.addCommand(
    withCommonOptions(
      new Command('get')
        .argument('<model>', 'an id of the list, or a repository of the Hugging Face hub')
        .description('Download a model into the data folder, and print where it is')
        .option('--revision <name>', 'branch, tag or commit (default: main)')
        .option('--endpoint <url>', 'address of the hub (default: https://huggingface.co)'),
      ['models get gpt2', 'models get someone/some-model --revision v1'],
    ).action((model: string, options: GetOptions) => get(model, options)),
  );
  return command;
}

function withSizes(command: Command, examples: string[]): Command {
  return withPrintOptions(
    command
      .option('--batch <rows>', 'rows of a micro-batch', wholeNumber('--batch', 1), 4)
      .option('--length <tokens>', 'tokens of a row', wholeNumber('--length', 1), 128)
      .option('--rank <number>', 'rank of the adapter, on every linear module', wholeNumber('--rank', 1), 8),
    examples,
  );
}

/** A model of the list with what it needs. */
export function describeModel(model: RegisteredModel, { batch, length, rank }: SizeOptions): DescribedModel {
  const { shape: _, parameters, ...rest } = model;
  const config = registeredConfig(model);
  const memory = (strategy: 'full' | 'lora' | 'qlora') =>
    estimateMemory({ config, strategy, batch, time: length, rank });
  return {
    ...rest,
    publishedParameters: parameters,
    measuredParameters: countParameters(config),
    memory: { full: memory('full'), lora: memory('lora'), qlora: memory('qlora') },
  };
}

function list(options: SizeOptions): void {
  const output = outputOf(options);
  const models = REGISTERED_MODELS.map((model) => describeModel(model, options));
  for (const model of models) output.object(model);
  for (const line of modelRows(models, output.style)) output.line(line);
  output.line();
  output.line(
    output.style.dim(
      `Memory of a training step of ${options.batch} × ${options.length} tokens, estimated from the shapes.`,
    ),
  );
}

function show(name: string, options: SizeOptions): void {
  const output = outputOf(options);
  const model = registeredModel(name);
  if (!model)
    throw new RatchetError('E_NOT_FOUND', `There is no model "${name}" in the list.`, {
      hint: `Known are ${REGISTERED_MODELS.map(({ id }) => id).join(', ')}. A model folder of these architectures works without being listed.`,
    });
  const described = describeModel(model, options);
  output.object(described);
  for (const line of modelDetails(described)) output.line(line);
}

async function get(name: string, options: GetOptions): Promise<void> {
  const output = outputOf(options);
  const { dataFolder } = await resolveConfig(options);
  const folder = await resolveModel(name, {
    cacheFolder: join(dataFolder, 'models'),
    ...(options.revision !== undefined && { revision: options.revision }),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    onProgress: (file, done, size) => output.progress(`${file}: ${bytes(done)} of ${bytes(size)}`),
  });
  output.progress('');
  output.object({ model: name, folder });
  output.line(folder);
}
