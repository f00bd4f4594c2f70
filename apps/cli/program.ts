import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { chaosCommand } from './commands/chaos.js';
import { claimsCommand } from './commands/claims.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { evaluateCommand } from './commands/evaluate.js';
import { feedbackCommand } from './commands/feedback.js';
import { forkCommand } from './commands/fork.js';
import { generateCommand } from './commands/generate.js';
import { linkLibtensorflowCommand } from './commands/link-libtensorflow.js';
import { loopCommand } from './commands/loop.js';
import { lrCommand } from './commands/lr.js';
import { mergeCommand } from './commands/merge.js';
import { modelsCommand } from './commands/models.js';
import { scheduleCommand } from './commands/schedule.js';
import { traceCommand } from './commands/trace.js';
import { trainCommand } from './commands/train.js';
import { upCommand } from './commands/up.js';
import { packageRoot } from './package-root.js';

/** The whole command line. Faults are thrown, never printed: `main` prints them. */
export function createProgram(): Command {
  const { version } = JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const program = new Command('ratchet')
    .description('Makes a language model better from the feedback its users give.')
    .version(version)
    .addHelpText(
      'after',
      `
Start with:
  $ ratchet demo              the whole loop on simulated users
  $ ratchet doctor            what this machine has, and what it lacks
  $ ratchet <command> --help  examples of every command

Exit codes: 0 done · 1 fault of Ratchet · 2 usage or configuration · 3 data or model · 4 data folder, disk or store ·
5 Temporal server, or folder in use · 6 not found · 7 memory or numbers · 130 Ctrl-C`,
    );
  for (const command of [
    demoCommand(),
    upCommand(),
    loopCommand(),
    feedbackCommand(),
    scheduleCommand(),
    traceCommand(),
    trainCommand(),
    forkCommand(),
    generateCommand(),
    evaluateCommand(),
    mergeCommand(),
    claimsCommand(),
    lrCommand(),
    modelsCommand(),
    chaosCommand(),
    doctorCommand(),
    linkLibtensorflowCommand(),
  ]) {
    program.addCommand(command);
  }
  for (const command of everyCommand(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({ getOutHelpWidth: () => 110, outputError: () => {} });
  }
  return program;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
