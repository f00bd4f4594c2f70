import type { Command } from 'commander';
import { loadConfig, type LoadedConfig } from '../../config/load.js';
import { RatchetError } from '../../config/errors.js';
import { Output } from './output.js';

/** Options every command has. */
export interface PrintOptions {
  json?: boolean;
  verbose?: boolean;
}

/** Options of every command that has a configuration. */
export interface CommonOptions extends PrintOptions {
  data?: string;
  config?: string;
  set?: Record<string, string>;
}

/** Adds `--data --config --set --json --verbose` and the examples to a command. */
export function withCommonOptions(command: Command, examples: string[]): Command {
  command
    .option('--data <folder>', 'data folder (default: data, or dataFolder of the configuration)')
    .option('--config <file>', 'configuration file (default: temporal.yaml where there is one)')
    .option('--set <key=value>', 'override one key of the configuration; may be repeated', collectSetting);
  return withPrintOptions(command, examples);
}

/** Adds `--json --verbose` and the examples to a command that needs no configuration. */
export function withPrintOptions(command: Command, examples: string[]): Command {
  return command
    .option('--json', 'print JSON lines only')
    .option('--verbose', 'print more, and the stack of an error')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ratchet ${example}`).join('\n')}`);
}

/** `--set loop.seed=3` → `{ 'loop.seed': '3' }`. */
export function collectSetting(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([\w.]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw new RatchetError('E_USAGE', `--set wants key=value, got ${JSON.stringify(text)}.`, {
      hint: 'For example: --set loop.seed=3; docs/configuration.md describes every key.',
    });
  }
  return { ...previous, [key]: value };
}

/** A whole number of at least `least`, for an option. Throws E_USAGE. */
export function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value)) {
      throw new RatchetError('E_USAGE', `${option} wants a whole number of at least ${least}, got "${text}".`, {
        hint: 'See --help for examples.',
      });
    }
    return value;
  };
}

export function outputOf(options: PrintOptions): Output {
  return new Output({ json: options.json ?? false, verbose: options.verbose ?? false });
}

/**
 * The configuration as the options ask for it. A run file lies above temporal.yaml and below the options; a `baseFile`
 * does so too, but below a file that `--config` names.
 */
export function resolveConfig(
  options: CommonOptions,
  extra: { runFile?: string; baseFile?: string; overrides?: Record<string, unknown> } = {},
): Promise<LoadedConfig> {
  const { runFile, baseFile, overrides } = extra;
  const files = [options.config, runFile ?? baseFile];
  const [file, run] = runFile === undefined && options.config !== undefined ? files.toReversed() : files;
  return loadConfig({
    ...(file === undefined ? {} : { file }),
    ...(run === undefined ? {} : { runFile: run }),
    overrides: { ...overrides, ...options.set, ...(options.data === undefined ? {} : { dataFolder: options.data }) },
  });
}
