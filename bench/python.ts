import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PEERS = ['torch', 'transformers', 'peft', 'accelerate', 'safetensors'];
/** What `torch.onnx.export` needs beside them. */
export const EXPORTERS = ['onnx', 'onnxscript'];
const CPU_WHEELS = 'https://download.pytorch.org/whl/cpu';

const imports = (python: string, modules: readonly string[]) =>
  run(python, ['-c', `import ${modules.join(', ')}`]).then(
    () => true,
    () => false,
  );

/**
 * A Python with the peers: the given one, or a virtual environment made once in the user's cache folder. PyTorch's wheel
 * without CUDA is a tenth of the size, but its index is not reachable everywhere; PyPI's wheel computes the same on a CPU.
 *
 * @param more modules that are needed beside the peers
 * @throws Error when they cannot be installed or imported
 */
export async function findPython(given: string | undefined, more: readonly string[] = []): Promise<string> {
  const wanted = [...PEERS, ...more];
  if (given !== undefined) {
    if (await imports(given, wanted)) return given;
    throw new Error(`${given} does not import ${wanted.join(', ')}.`);
  }
  const folder = join(homedir(), '.cache', 'ratchet', 'bench-venv');
  const python = join(folder, 'bin', 'python');
  if (await imports(python, wanted)) return python;
  const all = [...PEERS, ...EXPORTERS];
  console.error(`Installing ${all.join(', ')} into ${folder}; this takes minutes, once.`);
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  const install = (...args: string[]) =>
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...args], { maxBuffer: 1 << 26 });
  await install('--timeout', '10', '--retries', '0', '--index-url', CPU_WHEELS, 'torch').catch(() => install('torch'));
  await install(...all);
  if (await imports(python, wanted)) return python;
  throw new Error(`The packages in ${folder} cannot be imported.`);
}
