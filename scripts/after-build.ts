import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** Folder of the compiled program, `dist`. */
const dist = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const root = path.dirname(dist);

/** Files that `tsc` leaves behind but the program reads. */
const ASSETS = ['store/migrations', 'datasets/samples', 'datasets/data', 'apps/web'];

await copyAssets();
await bundleWorkflows();
await chmod(path.join(dist, 'apps/cli/main.js'), 0o755).catch(ignoreMissing);

async function copyAssets(): Promise<void> {
  for (const folder of ASSETS) {
    await cp(path.join(root, folder), path.join(dist, folder), {
      recursive: true,
      filter: (source) => !/\.(?:[cm]?tsx?|map)$/.test(source),
    }).catch(ignoreMissing);
  }
}

/** Webpack takes seconds: the bundle is made again only when a file that may be in it, or the SDK, has changed. */
async function bundleWorkflows(): Promise<void> {
  const entry = path.join(dist, 'workflows/index.js');
  const bundle = path.join(dist, 'workflow-bundle.js');
  const hash = await bundleInputHash();
  const known = await readFile(`${bundle}.sha256`, 'utf8').catch(() => '');
  if (known === hash && (await stat(bundle).catch(() => null)) !== null) return;
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    failureConverterPath: path.join(dist, 'workflows/failure-converter.js'),
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(dist, { recursive: true });
  await writeFile(`${bundle}.tmp`, code);
  await rename(`${bundle}.tmp`, bundle);
  await writeFile(`${bundle}.sha256`, hash);
}

async function bundleInputHash(): Promise<string> {
  const hash = createHash('sha256');
  const sdk = path.join(root, 'node_modules/@temporalio/worker/package.json');
  hash.update((JSON.parse(await readFile(sdk, 'utf8')) as { version: string }).version);
  for (const folder of ['workflows', 'config', 'learning']) {
    const files = await readdir(path.join(dist, folder), { recursive: true }).catch(() => []);
    for (const file of files.filter((name) => name.endsWith('.js')).sort())
      hash.update(file).update(await readFile(path.join(dist, folder, file)));
  }
  return hash.digest('hex');
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
