import { runCommand } from './process-output.js';

/** What `temporal --version` says, or null when the file is not a Temporal command line that runs here. */
export async function serverVersion(binary: string): Promise<string | null> {
  try {
    const { code, stdout } = await runCommand(binary, ['--version'], { signal: AbortSignal.timeout(15_000) });
    const version = stdout.trim();
    return code === 0 && /^temporal version .*Server/.test(version) ? version.replace(/^temporal version /, '') : null;
  } catch {
    return null;
  }
}
