import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { RatchetError } from '../config/errors.js';

/** Where a libtensorflow lies that the addon of tfjs-node can be compiled against. */
export interface Libtensorflow {
  /** Folder of the shared libraries. */
  libraries: string;
  /** Folder with `tensorflow/c/c_api.h`. */
  headers: string;
  /** Files of the C interface and of the framework, in `libraries`. */
  files: { tensorflow: string; framework: string };
}

/**
 * Looks through a folder: the `tensorflow` folder of a Python wheel (2.12 or newer), or an unpacked libtensorflow archive
 * (`lib`, `include`).
 *
 * @throws RatchetError `E_NOT_FOUND` naming the file that is missing
 */
export function findLibtensorflow(folder: string): Libtensorflow {
  const root = path.resolve(folder);
  if (!existsSync(root)) throw new RatchetError('E_NOT_FOUND', `There is no folder ${root}.`, { hint: WHERE_FROM });
  const libraries = [root, path.join(root, 'lib')].find((place) => library(place, 'tensorflow_framework') !== null);
  const framework = libraries === undefined ? null : library(libraries, 'tensorflow_framework');
  if (libraries === undefined || framework === null)
    throw new RatchetError('E_NOT_FOUND', `${root} holds no libtensorflow_framework.so.`, { hint: WHERE_FROM });
  const tensorflow = library(libraries, 'tensorflow') ?? library(libraries, 'tensorflow_cc');
  if (tensorflow === null)
    throw new RatchetError('E_NOT_FOUND', `${libraries} holds neither libtensorflow.so nor libtensorflow_cc.so.`, {
      hint: WHERE_FROM,
    });
  const headers = path.join(root, 'include');
  if (!existsSync(path.join(headers, 'tensorflow', 'c', 'c_api.h')))
    throw new RatchetError('E_NOT_FOUND', `${headers} holds no tensorflow/c/c_api.h.`, { hint: WHERE_FROM });
  return { libraries, headers, files: { tensorflow, framework } };
}

const WHERE_FROM =
  'Unpack the wheel of `pip download --no-deps tensorflow-cpu` (it is a zip file) and name its folder `tensorflow`.';

/** The file of a library, the one without a version first; null when there is none. */
function library(folder: string, name: string): string | null {
  if (!existsSync(folder)) return null;
  const files = readdirSync(folder).filter((file) => new RegExp(`^lib${name}\\.so(\\.\\d+)*$`).test(file));
  return files.toSorted((a, b) => a.length - b.length)[0] ?? null;
}

/**
 * The folder of tfjs-node as `from` would load it.
 * @throws RatchetError `E_NOT_FOUND` when it is not installed
 */
export function findTfjsNode(from: string): string {
  const require = createRequire(path.join(path.resolve(from), 'package.json'));
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'])
    try {
      return path.dirname(require.resolve(`${name}/package.json`));
    } catch {
      // The other one may be there.
    }
  throw new RatchetError('E_NOT_FOUND', 'Neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed.', {
    hint: 'Install one without its own download first: `npm install --ignore-scripts @tensorflow/tfjs-node`.',
  });
}

/**
 * Puts a libtensorflow in the place of the one that tfjs-node would download: `deps/lib` and `deps/include` become links. The
 * folder is linked, not its files, because the libraries find each other beside themselves; names without a version, which
 * the linker wants, are added there.
 *
 * @throws RatchetError `E_DATA_FOLDER` when a link cannot be made
 */
export function linkFolders(packageFolder: string, found: Libtensorflow): void {
  const deps = path.join(packageFolder, 'deps');
  try {
    mkdirSync(deps, { recursive: true });
    link(found.libraries, path.join(deps, 'lib'));
    link(found.headers, path.join(deps, 'include'));
    const names = { 'libtensorflow.so': found.files.tensorflow, 'libtensorflow_framework.so': found.files.framework };
    for (const [name, file] of Object.entries(names))
      if (!existsSync(path.join(found.libraries, name))) symlinkSync(file, path.join(found.libraries, name));
  } catch (cause) {
    throw new RatchetError('E_DATA_FOLDER', `A link cannot be made: ${(cause as Error).message}.`, {
      hint: `You need to be allowed to write to ${deps} and ${found.libraries}.`,
      cause,
    });
  }
}

/** A link in the place of an older link; a real folder there stays, and is named. */
function link(target: string, place: string): void {
  const old = lstatSync(place, { throwIfNoEntry: false });
  if (old && !old.isSymbolicLink())
    throw new Error(`${place} is a folder of its own; move it away to use ${target} instead`);
  if (old) rmSync(place);
  symlinkSync(target, place, 'dir');
}

/**
 * Compiles tfjs-node's addon from source, in about 20 seconds.
 * @throws RatchetError `E_INTERNAL` with the last lines of the compiler
 */
export async function compileAddon(packageFolder: string, onLine: (line: string) => void = () => {}): Promise<void> {
  const child = spawn('npm', ['run', 'build-addon-from-source'], {
    cwd: packageFolder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const note = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-8000);
    onLine(said.trimEnd().split('\n').at(-1) ?? '');
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const lines = said
    .trim()
    .split('\n')
    .filter((line) => /error|fatal|not found/i.test(line));
  throw new RatchetError(
    'E_INTERNAL',
    `The addon could not be compiled: ${lines.slice(-3).join(' ') || `exit code ${code}`}`,
    {
      hint: 'A C++ compiler, make and Python are needed (Debian: apt-get install build-essential python3).',
      retryable: false,
    },
  );
}
