import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { RatchetConfig } from '../../config/schema.js';
import { locateServer } from '../../workers/server/locate.js';

/** The bundle of the built program: what users run is what is tested. */
export const workflowBundle = { codePath: new URL('../../dist/workflow-bundle.js', import.meta.url).pathname };

let installed = false;

/** Keeps the SDK's own messages below errors out of the test output. */
export function quietRuntime(): void {
  if (installed) return;
  installed = true;
  const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter } } });
}

/** A real development server on a free port, in memory, with settings of its own; about half a second. */
export async function startEnvironment(...settings: string[]): Promise<TestWorkflowEnvironment> {
  quietRuntime();
  return await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await serverBinary() },
      extraArgs: [
        '--dynamic-config-value=history.transferProcessorMaxPollRPS=2000',
        '--dynamic-config-value=history.timerProcessorMaxTimeShift="10ms"',
        ...settings.map((setting) => `--dynamic-config-value=${setting}`),
      ],
    },
  });
}

/** Path of the Temporal command line on this machine, fetched when there is none. */
export async function serverBinary(): Promise<string> {
  const located = await locateServer({
    config: RatchetConfig.parse({ connection: { address: '' } }),
    env: localOnly(),
  });
  if (located.kind === 'address') throw new Error('a test took a configured service');
  return located.path;
}

function localOnly(): NodeJS.ProcessEnv {
  const { TEMPORAL_ADDRESS: _address, TEMPORAL_CONFIG_FILE: _file, TEMPORAL_PROFILE: _profile, ...env } = process.env;
  return env;
}

/** Waits for a condition; fails with `what` when it does not come true in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 30_000,
): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${milliseconds} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
