import type { SupervisorEvent } from '../../../workers/supervisor.js';
import { duration } from './numbers.js';
import type { Style } from './style.js';

const ROUTES = {
  path: 'found on PATH',
  cache: 'from the cache',
  download: 'downloaded',
  'go-install': 'built with Go',
} as const;

/** What the supervisor tells, as a line; null for what only `--verbose` is interested in. */
export function supervisorLine(event: SupervisorEvent, style: Style, verbose: boolean): string | null {
  switch (event.type) {
    case 'progress':
      return style.dim(event.message);
    case 'server-located':
      return event.server.kind === 'address'
        ? `Temporal at ${event.server.address} (configured)`
        : `Temporal ${event.server.version}, ${ROUTES[event.server.kind]}`;
    case 'attached':
      return `joined process ${event.holder.pid}, which runs this data folder`;
    case 'started':
      if (event.restarts > 0) return style.yellow(`${event.name} started again (restart ${event.restarts})`);
      return verbose ? style.dim(`${event.name} started, process ${event.pid}`) : null;
    case 'exited': {
      const how = event.signal ?? `exit code ${event.code}`;
      return style.yellow(
        `${event.name} ended (${how}); starting again in ${duration(event.restartInMilliseconds / 1000)}`,
      );
    }
    case 'gave-up':
      return style.red(`${event.name} cannot be kept running`);
  }
}

/** The same for `--json`. */
export function supervisorObject(event: SupervisorEvent): object {
  switch (event.type) {
    case 'attached':
      return { event: event.type, pid: event.holder.pid, address: event.holder.address, uiUrl: event.holder.uiUrl };
    case 'gave-up':
      return { event: event.type, name: event.name, code: event.error.code, message: event.error.message };
    default: {
      const { type, ...rest } = event;
      return { event: type, ...rest };
    }
  }
}
