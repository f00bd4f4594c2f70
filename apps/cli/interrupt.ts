/** Exit code of a command that Ctrl-C ended. */
export const INTERRUPTED = 130;

export interface Interrupt {
  /** Aborted by the first Ctrl-C (or SIGTERM, SIGHUP). */
  signal: AbortSignal;
  /** Back to the default behaviour. */
  dispose(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes on a Ctrl-C that the terminal has sent as well: two within this time are one. */
const ECHO_MILLISECONDS = 300;

/** The first Ctrl-C asks to stop, the second ends the process at once (with everything it started). */
export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  let first = 0;
  const handle = () => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort();
    } else if (performance.now() - first > ECHO_MILLISECONDS) process.exit(INTERRUPTED);
  };
  for (const name of SIGNALS) process.on(name, handle);
  return {
    signal: controller.signal,
    dispose() {
      for (const name of SIGNALS) process.removeListener(name, handle);
    },
  };
}

/** Resolves after the time, or at once when the signal is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
