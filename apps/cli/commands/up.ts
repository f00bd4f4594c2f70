import { Command } from 'commander';
import { outputOf, resolveConfig, withCommonOptions, type CommonOptions } from '../command-context.js';
import { INTERRUPTED, onInterrupt } from '../interrupt.js';
import { startSupervised } from '../supervised.js';

interface UpCommandOptions extends CommonOptions {
  anyPort?: boolean;
}

/** `ratchet up`: everything a data folder needs, kept running until Ctrl-C. */
export function upCommand(): Command {
  const command = new Command('up')
    .option('--any-port', 'take free ports where the configured ones are in use')
    .action(async (options: UpCommandOptions) => {
      process.exitCode = await runUp(options);
    });
  return withCommonOptions(command, [
    'up                          on ./data, until Ctrl-C',
    'up --data /var/lib/ratchet --any-port',
    'up --config temporal.yaml --json',
  ]);
}

async function runUp(options: UpCommandOptions): Promise<number> {
  const output = outputOf(options);
  const { style } = output;
  const loaded = await resolveConfig(options);
  output.line(`${style.bold('ratchet up')} · data in ${loaded.dataFolder}`);
  const interrupt = onInterrupt();
  const leave = () => process.exit(INTERRUPTED);
  interrupt.signal.addEventListener('abort', leave);
  const running = await startSupervised(loaded, output, {
    anyPort: options.anyPort ?? false,
    leaving: interrupt.signal,
  });
  interrupt.signal.removeEventListener('abort', leave);

  const processes = running.processes();
  output.object({
    event: 'ready',
    address: running.address,
    uiUrl: running.uiUrl,
    attached: running.attached,
    processes,
  });
  output.line(
    `${style.green('ready')} · Temporal ${running.address}${running.uiUrl === null ? '' : ` · UI ${running.uiUrl}`}`,
  );
  for (const { name, pid } of processes) output.line(style.dim(`  ${name.padEnd(14)} process ${pid}`));
  if (running.attached) {
    output.line('Another process keeps it running; nothing is left to do here.');
    await running.stop();
    interrupt.dispose();
    return 0;
  }
  output.line('Start a loop with `npx ratchet loop start`; Ctrl-C stops everything, nothing is lost.');
  const asked = new Promise<void>((resolve) =>
    interrupt.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  try {
    await Promise.race([asked, running.failed]);
    output.line('Stopping: a training under way saves first …');
  } finally {
    await running.stop();
    interrupt.dispose();
  }
  output.object({ event: 'stopped' });
  return 0;
}
