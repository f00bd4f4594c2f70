import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGES = ['torch', 'transformers', 'peft', 'accelerate', 'safetensors'];
const CPU_WHEELS = 'https://download.pytorch.org/whl/cpu';

const hasPackages = (python: string) =>
  run(python, ['-c', 'import torch, transformers, peft, accelerate']).then(
    () => true,
    () => false,
  );

/**
 * A Python with the peers: the given one, or a virtual environment made once in the user's cache folder. PyTorch's wheel
 * without CUDA is a tenth of the size, but its index is not reachable everywhere; PyPI's wheel computes the same on a CPU.
 *
 * @throws Error when neither can be installed
 */
export async function findPython(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    if (await hasPackages(given)) return given;
    throw new Error(`${given} does not import ${PACKAGES.join(', ')}.`);
  }
  const folder = join(homedir(), '.cache', 'ratchet', 'bench-venv');
  const python = join(folder, 'bin', 'python');
  if (await hasPackages(python)) return python;
  console.error(`Installing ${PACKAGES.join(', ')} into ${folder}; this takes minutes, once.`);
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  const install = (...args: string[]) =>
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...args], { maxBuffer: 1 << 26 });
  await install('--timeout', '10', '--retries', '0', '--index-url', CPU_WHEELS, 'torch').catch(() => install('torch'));
  await install(...PACKAGES);
  if (await hasPackages(python)) return python;
  throw new Error(`The packages in ${folder} cannot be imported.`);
}
