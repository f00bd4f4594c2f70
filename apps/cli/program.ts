import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { packageRoot } from './package-root.js';

/** A command as the overview shows it. Its module, and all that comes with it, is loaded when the command is asked for. */
interface CommandEntry {
  name: string;
  usage: string;
  description: string;
  load(): Promise<Command>;
}

const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    usage: '[options]',
    description: 'Teach a small model with simulated users, and show what it learned',
    load: async () => (await import('./commands/demo.js')).demoCommand(),
  },
  {
    name: 'up',
    usage: '[options]',
    description: 'Start the Temporal server and the workers, and keep them running',
    load: async () => (await import('./commands/up.js')).upCommand(),
  },
  {
    name: 'loop',
    usage: '',
    description: 'Start a loop on your own feedback, look at it, steer it',
    load: async () => (await import('./commands/loop.js')).loopCommand(),
  },
  {
    name: 'feedback',
    usage: '',
    description: 'Hand feedback to a loop, and see what was refused',
    load: async () => (await import('./commands/feedback.js')).feedbackCommand(),
  },
  {
    name: 'schedule',
    usage: '',
    description: 'Check at fixed times whether a loop has enough new feedback',
    load: async () => (await import('./commands/schedule.js')).scheduleCommand(),
  },
  {
    name: 'trace',
    usage: '[options] <run>',
    description: "Tell a run's story: what happened when, where the time went, what was decided and why",
    load: async () => (await import('./commands/trace.js')).traceCommand(),
  },
  {
    name: 'train',
    usage: '[options] <file>',
    description: 'Train a model on a file of examples',
    load: async () => (await import('./commands/train.js')).trainCommand(),
  },
  {
    name: 'fork',
    usage: '[options] <run>',
    description: 'Train on from a checkpoint of another run, with other settings',
    load: async () => (await import('./commands/fork.js')).forkCommand(),
  },
  {
    name: 'generate',
    usage: '[options] [prompts...]',
    description: 'Generate texts with a model and, where given, an adapter',
    load: async () => (await import('./commands/generate.js')).generateCommand(),
  },
  {
    name: 'evaluate',
    usage: '[options] <file>',
    description: 'Measure how good and how fast a model is on a file',
    load: async () => (await import('./commands/evaluate.js')).evaluateCommand(),
  },
  {
    name: 'merge',
    usage: '[options]',
    description: 'Fold an adapter into its model, and write the whole model',
    load: async () => (await import('./commands/merge.js')).mergeCommand(),
  },
  {
    name: 'claims',
    usage: '[options]',
    description: 'Measure the claims: the first version of the loop beside the second, with intervals and verdicts',
    load: async () => (await import('./commands/claims.js')).claimsCommand(),
  },
  {
    name: 'lr',
    usage: '[options]',
    description: 'Print the learning rate and phase of the steps of a run',
    load: async () => (await import('./commands/lr.js')).lrCommand(),
  },
  {
    name: 'models',
    usage: '',
    description: 'List the models this engine trains, and download them',
    load: async () => (await import('./commands/models.js')).modelsCommand(),
  },
  {
    name: 'chaos',
    usage: '[options]',
    description: 'Kill processes of a small loop at seeded moments, and compare with the undisturbed run',
    load: async () => (await import('./commands/chaos.js')).chaosCommand(),
  },
  {
    name: 'doctor',
    usage: '[options]',
    description: 'Check this machine, and say how to mend what is missing',
    load: async () => (await import('./commands/doctor.js')).doctorCommand(),
  },
  {
    name: 'link-libtensorflow',
    usage: '[options] <folder>',
    description: 'Make tfjs-node use the libtensorflow of a folder, such as a Python wheel of TensorFlow',
    load: async () => (await import('./commands/link-libtensorflow.js')).linkLibtensorflowCommand(),
  },
];

/**
 * The whole command line; where arguments are given, only the command that they ask for is loaded, which makes `--help` and
 * faults quick. Faults are thrown, never printed: `main` prints them.
 */
export async function createProgram(args?: readonly string[]): Promise<Command> {
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
  program.configureHelp({ subcommandTerm: (command) => termOf(command.name()) });
  const asked = args?.find((arg) => !arg.startsWith('-') && arg !== 'help');
  for (const { name, description, load } of COMMANDS) {
    const command = args === undefined || name === asked ? await load() : new Command(name);
    program.addCommand(command.description(description));
  }
  for (const command of everyCommand(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({ getOutHelpWidth: () => 110, outputError: () => {} });
  }
  return program;
}

function termOf(name: string): string {
  return `${name} ${COMMANDS.find((entry) => entry.name === name)?.usage ?? '[command]'}`.trim();
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
