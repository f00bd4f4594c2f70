#!/usr/bin/env node
import { CommanderError } from 'commander';
import { isDiskFull, RatchetError } from '../../config/errors.js';
import { Output } from './output.js';
import { createProgram } from './program.js';
import { faultLines, toFault } from './render/error.js';
import { createStyle } from './render/style.js';

const args = process.argv.slice(2);
const json = args.includes('--json');
const verbose = args.includes('--verbose');

// `ratchet … | head` closes the pipe: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  const code = isDiskFull(error) ? 'E_DISK_FULL' : 'E_DATA_FOLDER';
  const fault = toFault(new RatchetError(code, `The output cannot be written: ${error.message}.`));
  for (const line of faultLines(fault, createStyle(false), false)) process.stderr.write(`${line}\n`);
  process.exit(fault.exitCode);
});
// Nobody is left who could be told.
process.stderr.on('error', () => {});

try {
  const program = await createProgram(args);
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  // Without a command, commander has printed the help.
  if (error instanceof CommanderError && error.code === 'commander.help') return 2;
  const fault = toFault(error instanceof CommanderError ? usageError(error) : error);
  if (json) {
    const { code, message, hint } = fault;
    new Output({ json, verbose }).object({ error: { code, message, hint } });
  } else {
    const style = createStyle(process.stderr.isTTY === true && !process.env.NO_COLOR);
    for (const line of faultLines(fault, style, verbose)) process.stderr.write(`${line}\n`);
  }
  return fault.exitCode;
}

function usageError(error: CommanderError): RatchetError {
  const [message = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n');
  const hint = [...suggestion.map((text) => text.replace(/[()]/g, '')), 'See `ratchet --help`.'].join(' ');
  return new RatchetError('E_USAGE', message, { hint });
}
