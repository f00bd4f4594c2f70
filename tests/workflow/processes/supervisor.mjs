import { loadConfig } from '../../../dist/config/load.js';
import { up } from '../../../dist/workers/supervisor.js';

/** The built supervisor in a process of its own: events as JSON lines on stdout, a clean stop on SIGTERM. */
const [dataFolder, workerScript, overrides] = process.argv.slice(2);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const { config } = await loadConfig({
  overrides: { 'server.port': '0', 'server.uiPort': '0', ...JSON.parse(overrides) },
});
try {
  const workers = ['one', 'two'].map((name) => ({ name, script: workerScript }));
  const running = await up({ config, dataFolder, workers, onEvent: say });
  say({ type: 'running', ...running, processes: running.processes() });
  process.on('SIGTERM', () => running.stop().then(() => process.exit(0)));
  running.failed.catch(({ code, message }) => say({ type: 'failed', code, message }));
  setInterval(() => {}, 1_000);
} catch (error) {
  say({ type: 'error', code: error.code, message: error.message, hint: error.hint });
  process.exit(1);
}
