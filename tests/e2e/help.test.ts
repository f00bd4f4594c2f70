import { describe, expect, it } from 'vitest';
import { createProgram } from '../../apps/cli/program.js';
import { ratchet } from './ratchet.js';

const help = async (...args: string[]) => {
  const { code, stdout, stderr } = await ratchet([...args, '--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return `\n${stdout}`;
};

describe('--help', () => {
  it('of ratchet', async () => {
    expect(await help()).toMatchInlineSnapshot(`
      "
      Usage: ratchet [options] [command]

      Makes a language model better from the feedback its users give.

      Options:
        -V, --version     output the version number
        -h, --help        display help for command

      Commands:
        demo [options]    Teach a small model with simulated users, and show what it learned
        up [options]      Start the Temporal server and the workers, and keep them running
        loop              Start a loop on your own feedback, look at it, steer it
        feedback          Hand feedback to a loop
        lr [options]      Print the learning rate and phase of the steps of a run
        models            List the models this engine trains, and download them
        doctor [options]  Check this machine, and say how to mend what is missing
        help [command]    display help for command

      Start with:
        $ ratchet demo              the whole loop on simulated users
        $ ratchet doctor            what this machine has, and what it lacks
        $ ratchet <command> --help  examples of every command

      Exit codes: 0 done · 1 fault of Ratchet · 2 usage or configuration · 3 data or model · 4 data folder, disk or store ·
      5 Temporal server, or folder in use · 6 not found · 7 memory or numbers · 130 Ctrl-C
      "
    `);
  });
  it('of demo', async () => {
    expect(await help('demo')).toMatchInlineSnapshot(`
      "
      Usage: ratchet demo [options]

      Teach a small model with simulated users, and show what it learned

      Options:
        --fresh            start over from an empty data folder
        --yes              with --fresh: remove other loops of the data folder as well
        --rounds <number>  rounds to play
        --seed <number>    seed of every random stream
        --name <name>      name of the loop
        --run <file>       run file of the demo (default: examples/demo.yaml)
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet demo                        play the demo, or go on where it was
        $ ratchet demo --fresh                start over
        $ ratchet demo --json --fresh         JSON lines; the last one is the summary
        $ ratchet demo --rounds 2 --seed 7 --data /tmp/ratchet-demo
      "
    `);
  });
  it('of up', async () => {
    expect(await help('up')).toMatchInlineSnapshot(`
      "
      Usage: ratchet up [options]

      Start the Temporal server and the workers, and keep them running

      Options:
        --any-port         take free ports where the configured ones are in use
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet up                          on ./data, until Ctrl-C
        $ ratchet up --data /var/lib/ratchet --any-port
        $ ratchet up --config temporal.yaml --json
      "
    `);
  });
  it('of loop start', async () => {
    expect(await help('loop', 'start')).toMatchInlineSnapshot(`
      "
      Usage: ratchet loop start [options]

      Start a loop, or let one go on that was stopped

      Options:
        --name <name>      name of the loop (default: loop.name of the configuration, main)
        --run <file>       run file that describes the loop
        --rounds <number>  end after this many rounds; 0 runs until stopped
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet loop start
        $ ratchet loop start --name support --run support.yaml
        $ ratchet loop start --set loop.minFeedback=50
      "
    `);
  });
  it('of loop stop', async () => {
    expect(await help('loop', 'stop')).toMatchInlineSnapshot(`
      "
      Usage: ratchet loop stop [options]

      End the loop after the running round

      Options:
        --name <name>      name of the loop (default: loop.name of the configuration, main)
        --now              end it at once; a training under way saves and goes on at the next start
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet loop stop
        $ ratchet loop stop --now
      "
    `);
  });
  it('of feedback import', async () => {
    expect(await help('feedback', 'import')).toMatchInlineSnapshot(`
      "
      Usage: ratchet feedback import [options] <file>

      Import a file of feedback events: JSONL, a JSON array or {"events": […]}

      Arguments:
        file               file of feedback events

      Options:
        --name <name>      name of the loop (default: loop.name of the configuration, main)
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet feedback import feedback.jsonl
        $ ratchet feedback import feedback.json --name support --json
      "
    `);
  });
  it('of feedback add', async () => {
    expect(await help('feedback', 'add')).toMatchInlineSnapshot(`
      "
      Usage: ratchet feedback add [options]

      Add one feedback event

      Options:
        --input <text>          what the user asked for
        --output <text>         what the model answered
        --artifact-type <type>  one of erd, code_prototype, architecture
        --score <number>        validation score, 0 to 100
        --type <type>           one of SUCCESS, VALIDATION_FAILURE, USER_CORRECTION, EXPLICIT_POSITIVE,
                                EXPLICIT_NEGATIVE (default: by score and correction)
        --correction <text>     what the model should have answered
        --model <name>          model that answered (default: "unknown")
        --notes <text>          anything worth keeping
        --ts <time>             when, ISO 8601 (default: now)
        --id <id>               id of the event; a known id is ignored (default: derived from the event)
        --name <name>           name of the loop (default: loop.name of the configuration, main)
        --data <folder>         data folder (default: data, or dataFolder of the configuration)
        --config <file>         configuration file (default: temporal.yaml where there is one)
        --set <key=value>       override one key of the configuration; may be repeated
        --json                  print JSON lines only
        --verbose               print more, and the stack of an error
        -h, --help              display help for command

      Examples:
        $ ratchet feedback add --artifact-type erd --score 85 --input "a shop sells items" --output "erDiagram …"
        $ ratchet feedback add --artifact-type erd --score 40 --input "…" --output "…" --correction "erDiagram …"
      "
    `);
  });
  it('of lr', async () => {
    expect(await help('lr')).toMatchInlineSnapshot(`
      "
      Usage: ratchet lr [options]

      Print the learning rate and phase of the steps of a run

      Options:
        --steps <number>        optimizer steps of the run (default: 2000)
        --every <number>        print every so many steps, and the last (default: 100)
        --schedule <name>       one of constant, constant_with_warmup, linear, cosine, cosine_with_restarts,
                                cosine_with_min_lr, polynomial, inverse_sqrt, warmup_stable_decay, three_phase
                                (default: "three_phase")
        --learning-rate <rate>  largest learning rate (default: 0.0005)
        --warmup <number>       steps of warm-up (default: 0)
        --setting <key=value>   a setting of the schedule, such as numCycles=3; may be repeated
        --data <folder>         data folder (default: data, or dataFolder of the configuration)
        --config <file>         configuration file (default: temporal.yaml where there is one)
        --set <key=value>       override one key of the configuration; may be repeated
        --json                  print JSON lines only
        --verbose               print more, and the stack of an error
        -h, --help              display help for command

      Examples:
        $ ratchet lr --steps 2000 --every 100
        $ ratchet lr --schedule cosine --learning-rate 2e-4 --warmup 100 --steps 1000 --every 50
        $ ratchet lr --schedule cosine_with_restarts --setting numCycles=4
        $ ratchet lr --schedule warmup_stable_decay --setting decaySteps=400 --json
      "
    `);
  });
  it('of doctor', async () => {
    expect(await help('doctor')).toMatchInlineSnapshot(`
      "
      Usage: ratchet doctor [options]

      Check this machine, and say how to mend what is missing

      Options:
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet doctor
        $ ratchet doctor --json
        $ ratchet doctor --data /var/lib/ratchet
      "
    `);
  });

  it('shows examples and --json for every command that does something, and --data where it keeps anything', () => {
    const keepNothing = ['lr', 'list', 'show', 'train', 'generate', 'evaluate', 'merge', 'link-libtensorflow'];
    const leaves = createProgram().commands.flatMap((command) =>
      command.commands.length > 0 ? command.commands : command,
    );
    expect(leaves.length).toBeGreaterThan(10);
    for (const command of leaves) {
      let text = '';
      command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      expect(text).toMatch(/--json/);
      if (!keepNothing.includes(command.name())) expect(text).toMatch(/--data <folder>/);
      expect(text).toMatch(/\nExamples:\n {2}\$ ratchet /);
    }
  });
});
