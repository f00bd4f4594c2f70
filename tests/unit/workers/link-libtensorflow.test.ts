import { mkdirSync, mkdtempSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLibtensorflow, findTfjsNode, linkFolders } from '../../../workers/link-libtensorflow.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'ratchet-link-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (...names: string[]) => {
  for (const name of names) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), '{}');
  }
};
const WHEEL = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'include/tensorflow/c/c_api.h'];
const wheel = () => write(...WHEEL.map((name) => `tensorflow/${name}`));
const faultOf = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message.replaceAll(folder, '.')}`;
  }
  return 'no fault';
};

describe('the folder of a libtensorflow', () => {
  it('is that of a Python wheel', () => {
    wheel();
    expect(findLibtensorflow(path.join(folder, 'tensorflow'))).toEqual({
      libraries: path.join(folder, 'tensorflow'),
      headers: path.join(folder, 'tensorflow', 'include'),
      files: { tensorflow: 'libtensorflow_cc.so.2', framework: 'libtensorflow_framework.so.2' },
    });
  });

  it('is that of an unpacked archive', () => {
    write('lib/libtensorflow.so.2', 'lib/libtensorflow.so', 'lib/libtensorflow_framework.so', WHEEL[2]!);
    expect(findLibtensorflow(folder)).toMatchObject({
      libraries: path.join(folder, 'lib'),
      files: { tensorflow: 'libtensorflow.so', framework: 'libtensorflow_framework.so' },
    });
  });

  it('is refused with the file that is missing', () => {
    const find = () => faultOf(() => findLibtensorflow(path.join(folder, 'tensorflow')));
    expect(find()).toBe('E_NOT_FOUND: There is no folder ./tensorflow.');
    write('tensorflow/readme');
    expect(find()).toBe('E_NOT_FOUND: ./tensorflow holds no libtensorflow_framework.so.');
    write('tensorflow/libtensorflow_framework.so.2');
    expect(find()).toBe('E_NOT_FOUND: ./tensorflow holds neither libtensorflow.so nor libtensorflow_cc.so.');
    write('tensorflow/libtensorflow_cc.so.2');
    expect(find()).toBe('E_NOT_FOUND: ./tensorflow/include holds no tensorflow/c/c_api.h.');
  });
});

describe('linking', () => {
  it('finds tfjs-node, or says how to install it', () => {
    expect(faultOf(() => findTfjsNode(folder))).toBe(
      'E_NOT_FOUND: Neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed.',
    );
    write('node_modules/@tensorflow/tfjs-node/package.json');
    expect(findTfjsNode(folder)).toBe(path.join(folder, 'node_modules/@tensorflow/tfjs-node'));
  });

  it('links the folders and adds the names that the linker wants; a second time changes the links', () => {
    wheel();
    const found = findLibtensorflow(path.join(folder, 'tensorflow'));
    linkFolders(path.join(folder, 'package'), { ...found, libraries: path.join(folder, 'tensorflow', 'include') });
    linkFolders(path.join(folder, 'package'), found);
    const links = [
      'package/deps/lib',
      'package/deps/include',
      'tensorflow/libtensorflow.so',
      'tensorflow/libtensorflow_framework.so',
    ];
    expect(links.map((link) => readlinkSync(path.join(folder, link)))).toEqual([
      path.join(folder, 'tensorflow'),
      path.join(folder, 'tensorflow', 'include'),
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
    ]);
  });

  it('does not remove a folder that is none of its links', () => {
    wheel();
    write('package/deps/lib/libtensorflow.so.2');
    const found = findLibtensorflow(path.join(folder, 'tensorflow'));
    expect(faultOf(() => linkFolders(path.join(folder, 'package'), found))).toBe(
      'E_DATA_FOLDER: A link cannot be made: ./package/deps/lib is a folder of its own; move it away to use ./tensorflow instead.',
    );
  });
});
