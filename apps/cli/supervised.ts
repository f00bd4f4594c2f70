import type { LoadedConfig } from '../../config/load.js';
import { up, type Running } from '../../workers/supervisor.js';
import type { Output } from './output.js';
import { supervisorLine, supervisorObject } from './render/supervisor-events.js';

/**
 * Starts (or joins) what the data folder needs, telling what happens until `leaving` is aborted: a Ctrl-C in a terminal
 * reaches the workers as well, and that they end then is no news.
 */
export function startSupervised(
  loaded: LoadedConfig,
  output: Output,
  { anyPort, leaving }: { anyPort: boolean; leaving: AbortSignal },
): Promise<Running> {
  return up({
    config: loaded.config,
    dataFolder: loaded.dataFolder,
    anyPort,
    onEvent(event) {
      if (leaving.aborted) return;
      output.object(supervisorObject(event));
      const line = supervisorLine(event, output.style, output.verbose);
      if (line === null) return;
      if (event.type === 'progress') return output.slowProgress(`  ${line}`);
      output.progress('');
      output.line(`  ${line}`);
    },
  });
}
