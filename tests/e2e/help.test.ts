import { Help } from 'commander';
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
        -V, --version                          output the version number
        -h, --help                             display help for command

      Commands:
        demo [options]                         Teach a small model with simulated users, and show what it learned
        up [options]                           Start the Temporal server and the workers, and keep them running
        loop                                   Start a loop on your own feedback, look at it, steer it
        feedback                               Hand feedback to a loop, and see what was refused
        schedule                               Check at fixed times whether a loop has enough new feedback
        trace [options] <run>                  Tell a run's story: what happened when, where the time went, what was
                                               decided and why
        train [options] <file>                 Train a model on a file of examples
        fork [options] <run>                   Train on from a checkpoint of another run, with other settings
        generate [options] [prompts...]        Generate texts with a model and, where given, an adapter
        evaluate [options] <file>              Measure how good and how fast a model is on a file
        merge [options]                        Fold an adapter into its model, and write the whole model
        claims [options]                       Measure the claims: the first version of the loop beside the second,
                                               with intervals and verdicts
        lr [options]                           Print the learning rate and phase of the steps of a run
        models                                 List the models this engine trains, and download them
        chaos [options]                        Kill processes of a small loop at seeded moments, and compare with
                                               the undisturbed run
        doctor [options]                       Check this machine, and say how to mend what is missing
        link-libtensorflow [options] <folder>  Make tfjs-node use the libtensorflow of a folder, such as a Python
                                               wheel of TensorFlow
        help [command]                         display help for command

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
        --reason <text>    why; kept in the audit trail
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
        --artifact-type <type>  one of erd, code_prototype, architecture, sql_query
        --score <number>        validation score, 0 to 100
        --type <type>           one of SUCCESS, VALIDATION_FAILURE, USER_CORRECTION, EXPLICIT_POSITIVE,
                                EXPLICIT_NEGATIVE, EDIT, PREFERENCE, THUMBS_UP, THUMBS_DOWN, IMPLICIT (default: by
                                the other options)
        --correction <text>     what the model should have answered
        --rejected <text>       another answer that the user likes less
        --action <action>       what the user did with the answer: used, kept, abandoned, regenerated
        --source <name>         who says it
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
  it('of trace', async () => {
    expect(await help('trace')).toMatchInlineSnapshot(`
      "
      Usage: ratchet trace [options] <run>

      Tell a run's story: what happened when, where the time went, what was decided and why

      Arguments:
        run                loop, round or training, such as demo, demo/round-2 or demo/round-2/train

      Options:
        --data <folder>    data folder (default: data, or dataFolder of the configuration)
        --config <file>    configuration file (default: temporal.yaml where there is one)
        --set <key=value>  override one key of the configuration; may be repeated
        --json             print JSON lines only
        --verbose          print more, and the stack of an error
        -h, --help         display help for command

      Examples:
        $ ratchet trace demo                  all rounds of a loop
        $ ratchet trace demo/round-2          the stages of one round
        $ ratchet trace demo/round-2/train    its training
        $ ratchet trace demo --json
      "
    `);
  });

  it('of train', async () => {
    expect(await help('train')).toMatchInlineSnapshot(`
      "
      Usage: ratchet train [options] <file>

      Train a model on a file of examples

      Arguments:
        file                                    JSONL, JSON, CSV, TSV, Parquet or text; the format is found out

      Options:
        --output-dir <folder>                   folder of the adapter (or model); <folder>.run keeps the run beside
                                                it
        --eval-file <file>                      rows to validate on, instead of a share of the file
        --model <name>                          model folder, hub repository or id of \`ratchet models list\`
        --task <name>                           generation or classification (default: what the model is made for)
        --training-strategy <name>              lora, qlora or full (default: lora)
        --objective <name>                      auto, causal, seq2seq, classification, dpo, simpo, orpo or
                                                distillation
        --labels <names>                        classes of a new head: names with commas, or how many
        --epochs <number>                       passes over the rows (default: 3)
        --max-steps <number>                    optimizer steps, instead of epochs
        --batch-size <number>                   rows of a forward pass (default: 4, classification 16)
        --gradient-accumulation-steps <number>  forward passes of a step (default: 4)
        --gradient-checkpointing                compute activations twice instead of keeping them
        --fp16                                  keep frozen weights in float16: half the memory, rounded
        --bf16                                  keep frozen weights rounded to bfloat16: half the memory
        --dataloader-num-workers <number>       accepted for old scripts: rows become tokens once, before the first
                                                step
        --device <name>                         cpu, auto, cuda, webgpu, tfjs-node-gpu or tfjs-node (default: cpu)
        --use-gpu                               want a GPU, and fail without one
        --learning-rate <rate>                  largest learning rate (default: 2e-4)
        --warmup-ratio <share>                  share of the steps over which the rate rises (default: 0.05)
        --schedule <name>                       one of constant, constant_with_warmup, linear, cosine,
                                                cosine_with_restarts, cosine_with_min_lr, polynomial, inverse_sqrt,
                                                warmup_stable_decay, three_phase (default: linear)
        --optimizer <name>                      one of adamw, sgd, lion, adafactor (default: adamw)
        --weight-decay <number>                 decoupled weight decay (default: 0.01)
        --max-gradient-norm <number>            gradients are clipped to it (default: 1)
        --max-length <tokens>                   tokens of a row; longer ones are cut (default: 512)
        --packing                               several rows in one sequence, apart from each other
        --dynamic-batching                      rows of like length together
        --curriculum                            take the first epoch from short rows to long ones
        --lora-rank <number>                    rank of the adapter (default: 16)
        --lora-alpha <number>                   the adapter is scaled by alpha / rank (default: 32)
        --lora-dropout <share>                  dropout in front of the adapter (default: 0.1)
        --target-modules <names>                all-linear, or names with commas (default: as PEFT)
        --use-rslora                            scale the adapter by alpha / √rank
        --use-dora                              DoRA: train lengths of weights apart from directions
        --initialization <name>                 default or pissa
        --lora-plus-ratio <number>              LoRA+: B's rate over A's (default: 1)
        --preference-loss <name>                DPO: sigmoid, ipo or hinge (default: sigmoid)
        --beta <number>                         DPO, SimPO: weight of the log-ratio
        --teacher <dir>                         distillation: model folder of the teacher
        --eval-ratio <share>                    rows held out for validation, 0 for none (default: 0.1)
        --eval-steps <number>                   steps between validations (default: one an epoch)
        --patience <number>                     stop after so many validations without a better one
        --logging-steps <number>                steps between printed lines (default: 10)
        --checkpoint-steps <number>             steps between checkpoints (default: 20)
        --seed <number>                         seed of every random stream (default: 1)
        --config <file>                         JSON file of settings; flags win over it
        --resume                                go on with a run, and never start one
        --fresh                                 start over, and replace what an earlier run wrote
        --keep-checkpoints                      keep the last checkpoints of a finished run, to fork it
        --dry-run                               print what would be done, and do nothing
        --threads <number>                      threads of the kernels (default: all cores)
        --data <folder>                         data folder, where downloaded models are kept (default: data)
        --json                                  print JSON lines only
        --verbose                               print more, and the stack of an error
        -h, --help                              display help for command

      Examples:
        $ ratchet train chats.jsonl --model models/base --output-dir runs/support
        $ ratchet train rows.csv --model gpt2 --output-dir runs/a --epochs 3 --learning-rate 2e-4 --dry-run
        $ ratchet train pairs.jsonl --model DIR --output-dir runs/dpo --objective dpo --beta 0.1
        $ ratchet train rows.parquet --config examples/configs/finetune_ollama_config_phi3_mini_original.json --output-dir runs/phi3
      "
    `);
  });
  it('of generate', async () => {
    expect(await help('generate')).toMatchInlineSnapshot(`
      "
      Usage: ratchet generate [options] [prompts...]

      Generate texts with a model and, where given, an adapter

      Arguments:
        prompts                          prompts to continue

      Options:
        --model <name>                   model folder, hub repository or id of \`ratchet models list\`
        --adapter <folder>               PEFT folder to apply, such as the output of \`ratchet train\`
        --file <file>                    file of prompts, one a line
        --chat                           write each prompt as a user's message with the model's chat template
        --system <text>                  with --chat: what the system says first
        --max-new-tokens <number>        tokens to generate at most (default: 128)
        --temperature <number>           0 takes the likeliest token (default: 0)
        --top-k <number>                 draw from so many tokens
        --top-p <share>                  draw from the likeliest tokens with this share
        --min-p <share>                  drop tokens below this share of the likeliest
        --repetition-penalty <number>    above 1 makes repetition rarer
        --num-beams <number>             beam search, with temperature 0
        --num-return-sequences <number>  texts a prompt, of the beams
        --stop <text>                    text that ends a generation; may be repeated
        --seed <number>                  seed of the draws (default: 1)
        --threads <number>               threads of the kernels (default: all cores)
        --data <folder>                  data folder, where downloaded models are kept (default: data)
        --json                           print JSON lines only
        --verbose                        print more, and the stack of an error
        -h, --help                       display help for command

      Examples:
        $ ratchet generate --model models/base --adapter runs/support "a shop sells items"
        $ ratchet generate --model DIR --chat --temperature 0.7 --top-p 0.9 --seed 3 "How do I reset it?"
        $ ratchet generate --model DIR --file prompts.txt --num-beams 4 --json
      "
    `);
  });
  it('of evaluate', async () => {
    expect(await help('evaluate')).toMatchInlineSnapshot(`
      "
      Usage: ratchet evaluate [options] <file>

      Measure how good and how fast a model is on a file

      Arguments:
        file                       JSONL, JSON, CSV, TSV, Parquet or text; the format is found out

      Options:
        --model <name>             model folder, hub repository or id of \`ratchet models list\`
        --adapter <folder>         PEFT folder to apply, such as the output of \`ratchet train\`
        --max-length <tokens>      tokens of a row; longer ones are cut (default: 512)
        --max-new-tokens <number>  tokens of a generated text at most (default: 128)
        --batch-size <number>      rows together (default: 16)
        --timed <number>           single predictions to time (default: 5)
        --no-generate              only score the answers: no texts to compare
        --threads <number>         threads of the kernels (default: all cores)
        --data <folder>            data folder, where downloaded models are kept (default: data)
        --json                     print JSON lines only
        --verbose                  print more, and the stack of an error
        -h, --help                 display help for command

      Prints perplexity, BLEU, chrF and ROUGE of a language model, accuracy and F1 of a classifier; latency and memory.

      Examples:
        $ ratchet evaluate held-out.jsonl --model models/base --adapter runs/support
        $ ratchet evaluate reviews.csv --model DIR --json
        $ ratchet evaluate text.txt --model DIR --no-generate --timed 0
      "
    `);
  });
  it('of merge', async () => {
    expect(await help('merge')).toMatchInlineSnapshot(`
      "
      Usage: ratchet merge [options]

      Fold an adapter into its model, and write the whole model

      Options:
        --model <name>         model folder, hub repository or id of \`ratchet models list\`
        --adapter <folder>     PEFT folder, such as the output of \`ratchet train\`
        --output-dir <folder>  new folder of the merged model
        --threads <number>     threads of the kernels (default: all cores)
        --data <folder>        data folder, where downloaded models are kept (default: data)
        --json                 print JSON lines only
        --verbose              print more, and the stack of an error
        -h, --help             display help for command

      Examples:
        $ ratchet merge --model models/base --adapter runs/support --output-dir runs/support-merged
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

  it('the overview shows each command as it is', async () => {
    const program = await createProgram();
    expect(program.commands.length).toBeGreaterThan(10);
    for (const command of program.commands)
      expect(program.createHelp().subcommandTerm(command)).toBe(new Help().subcommandTerm(command));
  });

  it('shows examples and --json for every command that does something, and --data where it keeps anything', async () => {
    const keepNothing = ['lr', 'models list', 'models show', 'link-libtensorflow'];
    const leaves = (await createProgram()).commands.flatMap((command) =>
      command.commands.length > 0 ? command.commands : command,
    );
    expect(leaves.length).toBeGreaterThan(10);
    for (const command of leaves) {
      let text = '';
      command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      expect(text).toMatch(/--json/);
      const name = [command.parent!.name(), command.name()].filter((each) => each !== 'ratchet').join(' ');
      const keeps = !keepNothing.includes(name);
      expect(/--data <folder>/.test(text)).toBe(keeps);
      expect(!keeps && /--(config|set) </.test(text)).toBe(false);
      expect(text).toMatch(/\nExamples:\n {2}\$ ratchet /);
    }
  });
});
