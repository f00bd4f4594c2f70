import { Command } from 'commander';
import { checkDevices } from '../../../workers/check-devices.js';
import { compileAddon, findLibtensorflow, findTfjsNode, linkFolders } from '../../../workers/link-libtensorflow.js';
import { RatchetError } from '../../../config/errors.js';
import { outputOf, withPrintOptions, type PrintOptions } from '../command-context.js';
import { packageRoot } from '../package-root.js';

/** `ratchet link-libtensorflow <folder>`: native TensorFlow for tfjs-node from a newer release than its own. */
export function linkLibtensorflowCommand(): Command {
  const command = new Command('link-libtensorflow')
    .argument('<folder>', 'folder with libtensorflow_cc.so.2 (or lib/libtensorflow.so) and include/')
    .action(async (folder: string, options: PrintOptions) => {
      await runLink(folder, options);
    });
  return withPrintOptions(command, ['link-libtensorflow .venv/lib/python3.12/site-packages/tensorflow']);
}

async function runLink(folder: string, options: PrintOptions): Promise<void> {
  const output = outputOf(options);
  if (process.platform !== 'linux')
    throw new RatchetError('E_USAGE', `link-libtensorflow works on Linux only, not on ${process.platform}.`, {
      hint: 'Install @tensorflow/tfjs-node with its own libtensorflow, or use the compiled engine, which needs neither.',
    });
  const found = findLibtensorflow(folder);
  const tfjsNode = findTfjsNode(packageRoot());
  linkFolders(tfjsNode, found);
  output.progress('compiling the addon …');
  await compileAddon(tfjsNode, (line) => output.progress(line.slice(0, 100)));
  output.progress('');
  const device = tfjsNode.endsWith('tfjs-node-gpu') ? 'tfjs-node-gpu' : 'tfjs-node';
  const check = (await checkDevices([device])).checks[0]!;
  output.object({ event: 'linked', libraries: found.libraries, package: tfjsNode, check });
  output.line(`Linked ${found.libraries} into ${tfjsNode}.`);
  output.line(`${device}: ${check.detail}`);
  if (!check.available)
    throw new RatchetError('E_INTERNAL', `${device} still cannot be used: ${check.detail}.`, {
      hint: 'Try a TensorFlow of another version: 2.12 or newer.',
      retryable: false,
    });
}
