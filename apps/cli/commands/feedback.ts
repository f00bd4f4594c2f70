import { Command } from 'commander';
import { ARTIFACT_TYPES, FEEDBACK_TYPES, IMPLICIT_ACTIONS } from '../../../config/domain.js';
import { RatchetError } from '../../../config/errors.js';
import type { ImportFeedbackResult } from '../../../workflows/import-feedback.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { feedbackEvent, type FeedbackFlags } from '../feedback-event.js';
import { requireFile, stageImport, stageText, type StagedImport } from '../feedback-staging.js';
import { importStaged, withRunning, withStore } from '../loop-client.js';
import { importLines, importObject } from '../render/import.js';
import { ledgerLines } from '../render/ledger.js';

interface FeedbackOptions extends CommonOptions {
  name?: string;
}

/** Rows of the ledger that a look at it shows at most: an answer of Temporal holds 2 MB. */
const MOST_ROWS = 1000;

/** `ratchet feedback import|add|rejected`: hands feedback to a loop, through its store's queue, and shows what was refused. */
export function feedbackCommand(): Command {
  const feedback = new Command('feedback');
  withCommonOptions(
    feedback
      .command('import')
      .description('Import a file of feedback events: JSONL, a JSON array or {"events": […]}')
      .argument('<file>', 'file of feedback events')
      .option('--name <name>', 'name of the loop (default: loop.name of the configuration, main)')
      .action(async (file: string, options: FeedbackOptions) => {
        await requireFile(file);
        process.exitCode = await send(options, (dataFolder, loop) => stageImport(dataFolder, loop, file));
      }),
    ['feedback import feedback.jsonl', 'feedback import feedback.json --name support --json'],
  );
  withCommonOptions(
    feedback
      .command('add')
      .description('Add one feedback event')
      .requiredOption('--input <text>', 'what the user asked for')
      .requiredOption('--output <text>', 'what the model answered')
      .requiredOption('--artifact-type <type>', `one of ${ARTIFACT_TYPES.join(', ')}`)
      .requiredOption('--score <number>', 'validation score, 0 to 100')
      .option('--type <type>', `one of ${FEEDBACK_TYPES.join(', ')} (default: by the other options)`)
      .option('--correction <text>', 'what the model should have answered')
      .option('--rejected <text>', 'another answer that the user likes less')
      .option('--action <action>', `what the user did with the answer: ${IMPLICIT_ACTIONS.join(', ')}`)
      .option('--source <name>', 'who says it')
      .option('--model <name>', 'model that answered', 'unknown')
      .option('--notes <text>', 'anything worth keeping')
      .option('--ts <time>', 'when, ISO 8601 (default: now)')
      .option('--id <id>', 'id of the event; a known id is ignored (default: derived from the event)')
      .option('--name <name>', 'name of the loop (default: loop.name of the configuration, main)')
      .action(async (options: FeedbackOptions & FeedbackFlags) => {
        const event = feedbackEvent(options, new Date());
        process.exitCode = await send(options, (dataFolder, loop) =>
          stageText(dataFolder, loop, 'added.jsonl', `${JSON.stringify(event)}\n`),
        );
      }),
    [
      'feedback add --artifact-type erd --score 85 --input "a shop sells items" --output "erDiagram …"',
      'feedback add --artifact-type erd --score 40 --input "…" --output "…" --correction "erDiagram …"',
    ],
  );
  withCommonOptions(
    feedback
      .command('rejected')
      .description('Show the rows that were refused, at import or by a stage of a loop, and why')
      .option('--limit <number>', `rows to show one by one, at most ${MOST_ROWS}`, wholeNumber('--limit', 1), 10)
      .action(async (options: CommonOptions & { limit: number }) => {
        await showRejected(options);
      }),
    ['feedback rejected', 'feedback rejected --limit 200 --json'],
  );
  return feedback;
}

async function showRejected(options: CommonOptions & { limit: number }): Promise<void> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options);
  const ledger = await withStore(config, dataFolder, (store) => store.ledger(Math.min(options.limit, MOST_ROWS)));
  output.object({ event: 'ledger', ...ledger });
  for (const line of ledgerLines(ledger, output.style)) output.line(line);
}

async function send(
  options: FeedbackOptions,
  stage: (dataFolder: string, loop: string) => Promise<StagedImport>,
): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options, { overrides: { 'loop.name': options.name } });
  const loop = config.loop.name;
  return await withRunning(config, dataFolder, async ({ client }) => {
    const staged = await stage(dataFolder, loop);
    output.progress(`importing ${staged.name} …`);
    const result = await importStaged(client, config, loop, staged).finally(() => output.progress(''));
    for (const line of importLines(loop, result, output.style)) output.line(line);
    if (result.read > 0 && result.rejected === result.read) throw nothingUsable(staged.name, result);
    output.object(importObject(loop, result));
    return 0;
  });
}

function nothingUsable(name: string, { read, rejectedSample }: ImportFeedbackResult): RatchetError {
  const [first] = rejectedSample;
  const why =
    first === undefined ? '' : ` Line ${first.line}: ${[first.field, first.reason].filter(Boolean).join(' ')}.`;
  const none = read === 1 ? 'The event was rejected.' : `All ${read} rows of ${name} were rejected.`;
  return new RatchetError('E_DATA_INVALID', `${none}${why}`, {
    hint: 'docs/loop.md describes a feedback event, examples/feedback.jsonl has some; `npx ratchet feedback rejected` shows what was refused.',
  });
}
