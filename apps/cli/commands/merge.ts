import path from 'node:path';
import { Command } from 'commander';
import { outputOf, resolveConfig } from '../command-context.js';
import { runJob, withEngineOptions, type EngineOptions } from '../engine-command.js';

interface MergeOptions extends EngineOptions {
  model: string;
  adapter: string;
  outputDir: string;
}

/** `ratchet merge`: an adapter folded into its model. */
export function mergeCommand(): Command {
  const command = new Command('merge')
    .requiredOption('--model <name>', 'model folder, hub repository or id of `ratchet models list`')
    .requiredOption('--adapter <folder>', 'PEFT folder, such as the output of `ratchet train`')
    .requiredOption('--output-dir <folder>', 'new folder of the merged model')
    .action(async (options: MergeOptions) => merge(options));
  return withEngineOptions(command, [
    'merge --model models/base --adapter runs/support --output-dir runs/support-merged',
  ]);
}

async function merge({ model, adapter, outputDir, threads, ...options }: MergeOptions): Promise<void> {
  const output = outputOf(options);
  const { dataFolder } = await resolveConfig({ ...(options.data !== undefined && { data: options.data }) });
  const modelCache = path.join(dataFolder, 'models');
  const job = {
    kind: 'merge' as const,
    model,
    modelCache,
    adapter,
    outputDir,
    ...(threads !== undefined && { threads }),
  };
  const result = await runJob(job, output);
  if (result === null) return;
  output.object({ event: 'merged', ...result });
  output.line(`${output.style.dim('written to'.padEnd(14))}${result.outputDir}`);
  output.line(`${output.style.dim('SHA-256'.padEnd(14))}${result.sha256}`);
}
