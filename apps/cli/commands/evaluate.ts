import path from 'node:path';
import { Command } from 'commander';
import { outputOf, resolveConfig, wholeNumber } from '../command-context.js';
import { runJob, withEngineOptions, type EngineOptions } from '../engine-command.js';
import { evaluationLines } from '../render/evaluation.js';

interface EvaluateOptions extends EngineOptions {
  model: string;
  adapter?: string;
  maxLength: number;
  maxNewTokens: number;
  batchSize: number;
  timed: number;
  generate: boolean;
}

/** `ratchet evaluate`: how good and how fast a model is on a file. */
export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .argument('<file>', 'JSONL, JSON, CSV, TSV, Parquet or text; the format is found out')
    .requiredOption('--model <name>', 'model folder, hub repository or id of `ratchet models list`')
    .option('--adapter <folder>', 'PEFT folder to apply, such as the output of `ratchet train`')
    .option('--max-length <tokens>', 'tokens of a row; longer ones are cut', wholeNumber('--max-length', 2), 512)
    .option('--max-new-tokens <number>', 'tokens of a generated text at most', wholeNumber('--max-new-tokens', 1), 128)
    .option('--batch-size <number>', 'rows together', wholeNumber('--batch-size', 1), 16)
    .option('--timed <number>', 'single predictions to time', wholeNumber('--timed', 0), 5)
    .option('--no-generate', 'only score the answers: no texts to compare')
    .action(async (file: string, options: EvaluateOptions) => evaluate(file, options));
  command.addHelpText(
    'after',
    '\nPrints perplexity, BLEU, chrF and ROUGE of a language model, accuracy and F1 of a classifier; latency and memory.',
  );
  return withEngineOptions(command, [
    'evaluate held-out.jsonl --model models/base --adapter runs/support',
    'evaluate reviews.csv --model DIR --json',
    'evaluate text.txt --model DIR --no-generate --timed 0',
  ]);
}

async function evaluate(file: string, options: EvaluateOptions): Promise<void> {
  const output = outputOf(options);
  const { dataFolder } = await resolveConfig({ ...(options.data !== undefined && { data: options.data }) });
  const { model, adapter, maxLength, maxNewTokens, batchSize, timed, generate, threads } = options;
  const result = await runJob(
    {
      kind: 'evaluate',
      file,
      model,
      modelCache: path.join(dataFolder, 'models'),
      adapter: adapter ?? null,
      maxLength,
      maxNewTokens,
      batchSize,
      timedPredictions: timed,
      generate,
      ...(threads !== undefined && { threads }),
    },
    output,
  );
  if (result === null) return;
  output.object({ event: 'evaluation', ...result });
  for (const line of evaluationLines(result, output.style)) output.line(line);
}
