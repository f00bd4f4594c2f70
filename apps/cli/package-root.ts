import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of Ratchet's package.json: the program runs from the sources and from `dist`. */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}

/** The run file of the demo. */
export function demoRunFile(): string {
  return path.join(packageRoot(), 'examples', 'demo.yaml');
}
