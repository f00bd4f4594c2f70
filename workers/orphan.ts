import type { Logger } from 'pino';

/**
 * Ties this process to the supervisor that forked it: when the channel to it closes (it was killed), this process ends.
 * Nothing is lost: every stage resumes.
 */
export function exitWithSupervisor(log: Logger): void {
  if (process.send === undefined) return;
  const leave = () => {
    log.warn('the supervisor is gone; leaving');
    process.exit(1);
  };
  process.once('disconnect', leave);
  if (!process.connected) leave();
}
