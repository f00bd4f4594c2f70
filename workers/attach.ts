import { RatchetError } from '../config/errors.js';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from './lock.js';
import type { Running, SupervisorEvent } from './supervisor.js';

const WAIT = 10 * 60_000;
const POLL = 200;

/**
 * Joins the process that supervises this data folder, waiting while it still starts (it may be building the server);
 * null when it ended meanwhile. Throws E_LOCKED when it does not come up.
 */
export async function attachToSupervisor(
  dataFolder: string,
  holder: SupervisorHolder,
  onEvent: (event: SupervisorEvent) => void,
): Promise<Running | null> {
  const file = supervisorLockFile(dataFolder);
  const deadline = Date.now() + WAIT;
  let current: SupervisorHolder | null = holder;
  let told = false;
  while (current !== null && !current.ready) {
    if (!told) onEvent({ type: 'progress', message: `process ${holder.pid} is starting on this data folder; waiting` });
    told = true;
    if (Date.now() > deadline) {
      throw new RatchetError(
        'E_LOCKED',
        `Process ${holder.pid} holds ${dataFolder} since ${holder.startedAt} but is not ready.`,
        {
          hint: `Look into its logs, stop it (kill ${holder.pid}) and try again.`,
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
    current = lockHolder<SupervisorHolder>(file);
  }
  if (current === null) return null;
  onEvent({ type: 'attached', holder: current });
  const { pid } = current;
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      if (lockHolder(file)?.pid === pid) return;
      clearInterval(timer);
      reject(
        new RatchetError('E_SERVER_UNAVAILABLE', `Process ${pid}, which supervised ${dataFolder}, has ended.`, {
          hint: 'Give the same command again: it starts everything and goes on where it was.',
        }),
      );
    }, 500);
    timer.unref();
  });
  failed.catch(() => {});
  return {
    address: current.address,
    uiUrl: current.uiUrl,
    attached: true,
    processes: () => lockHolder<SupervisorHolder>(file)?.processes ?? [],
    failed,
    async stop() {
      clearInterval(timer);
    },
  };
}
