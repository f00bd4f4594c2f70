import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import { systemFault } from '../../../config/system-fault.js';
import type { DecodingOptions } from '../../../workers/jobs/messages.js';
import { outputOf, resolveConfig, wholeNumber } from '../command-context.js';
import { runJob, withEngineOptions, type EngineOptions } from '../engine-command.js';

interface GenerateOptions extends EngineOptions, Omit<DecodingOptions, 'stopStrings'> {
  model: string;
  adapter?: string;
  file?: string;
  chat?: boolean;
  system?: string;
  stop?: string[];
}

/** `ratchet generate`: texts from a model folder, with or without an adapter. */
export function generateCommand(): Command {
  const command = new Command('generate')
    .argument('[prompts...]', 'prompts to continue')
    .requiredOption('--model <name>', 'model folder, hub repository or id of `ratchet models list`')
    .option('--adapter <folder>', 'PEFT folder to apply, such as the output of `ratchet train`')
    .option('--file <file>', 'file of prompts, one a line')
    .option('--chat', "write each prompt as a user's message with the model's chat template")
    .option('--system <text>', 'with --chat: what the system says first')
    .option('--max-new-tokens <number>', 'tokens to generate at most', wholeNumber('--max-new-tokens', 1), 128)
    .option('--temperature <number>', '0 takes the likeliest token', decimal('--temperature', 0), 0)
    .option('--top-k <number>', 'draw from so many tokens', wholeNumber('--top-k', 1))
    .option('--top-p <share>', 'draw from the likeliest tokens with this share', decimal('--top-p', 0))
    .option('--min-p <share>', 'drop tokens below this share of the likeliest', decimal('--min-p', 0))
    .option('--repetition-penalty <number>', 'above 1 makes repetition rarer', decimal('--repetition-penalty', 0))
    .option('--num-beams <number>', 'beam search, with temperature 0', wholeNumber('--num-beams', 1))
    .option('--num-return-sequences <number>', 'texts a prompt, of the beams', wholeNumber('--num-return-sequences', 1))
    .option('--stop <text>', 'text that ends a generation; may be repeated', (text: string, before: string[] = []) => [
      ...before,
      text,
    ])
    .option('--seed <number>', 'seed of the draws', wholeNumber('--seed', 0), 1)
    .action(async (prompts: string[], options: GenerateOptions) => generate(prompts, options));
  return withEngineOptions(command, [
    'generate --model models/base --adapter runs/support "a shop sells items"',
    'generate --model DIR --chat --temperature 0.7 --top-p 0.9 --seed 3 "How do I reset it?"',
    'generate --model DIR --file prompts.txt --num-beams 4 --json',
  ]);
}

async function generate(given: string[], options: GenerateOptions): Promise<void> {
  const output = outputOf(options);
  const prompts = [...given, ...(options.file === undefined ? [] : linesOf(options.file))];
  if (prompts.length === 0)
    throw new RatchetError('E_USAGE', 'There is no prompt.', {
      hint: 'Give prompts as arguments, or a file of them with --file.',
    });
  const { dataFolder } = await resolveConfig({ ...(options.data !== undefined && { data: options.data }) });
  const { model, adapter, chat = false, maxNewTokens, temperature, seed, stop } = options;
  const optional = Object.fromEntries(
    (['system', 'topK', 'topP', 'minP', 'repetitionPenalty', 'numBeams', 'numReturnSequences', 'threads'] as const)
      .filter((name) => options[name] !== undefined)
      .map((name) => [name, options[name]]),
  );
  const results = await runJob(
    {
      kind: 'generate',
      model,
      modelCache: path.join(dataFolder, 'models'),
      adapter: adapter ?? null,
      prompts,
      chat,
      maxNewTokens,
      temperature,
      seed,
      ...(stop && { stopStrings: stop }),
      ...optional,
    },
    output,
  );
  for (const { prompt, generations } of results ?? []) {
    for (const generation of generations) output.object({ prompt, ...generation });
    if (prompts.length > 1) output.line(output.style.dim(`> ${prompt}`));
    for (const { text } of generations) output.line(text);
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .filter((line) => line !== '');
  } catch (error) {
    throw systemFault(error, file) ?? error;
  }
}

/** A number of at least `least`, for an option. Throws E_USAGE. */
function decimal(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
    throw new RatchetError('E_USAGE', `${option} wants a number of at least ${least}, got "${text}".`, {
      hint: 'See --help for examples.',
    });
  };
}
