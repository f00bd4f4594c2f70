import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRows, writeRows } from '../../../activities/artifacts.js';
import { fileSha256 } from '../../../engine/formats/file-sha256.js';
import { ArtifactExchange } from '../../../workers/storage/exchange.js';
import { FolderStorage } from '../../../workers/storage/folder-storage.js';

let root: string;
const at = (...parts: string[]) => path.join(root, ...parts);
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'ratchet-exchange-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const host = (name: string) => new ArtifactExchange(at(name), new FolderStorage(at('shared')));

/** Runs an "activity" behind the interceptor of a host. */
async function run<Result>(exchange: ArtifactExchange, input: unknown, body: () => Promise<Result>): Promise<Result> {
  const { execute } = exchange.intercept().inbound!;
  return (await execute!({ args: [input], headers: {} }, body)) as Result;
}

async function writeModel(folder: string): Promise<{ id: string; path: string; sha256: string }> {
  mkdirSync(at(folder, 'models/one/state'), { recursive: true });
  writeFileSync(at(folder, 'models/one/adapter_model.safetensors'), 'weights');
  writeFileSync(at(folder, 'models/one/state/tensors.safetensors'), 'moments');
  const sha256 = await fileSha256(at(folder, 'models/one/adapter_model.safetensors'));
  return { id: 'one', path: 'models/one', sha256 };
}

describe('hosts with data folders of their own', () => {
  it('W2: read the rows and models that activities of others refer to', async () => {
    const made = await run(host('a'), {}, async () => ({
      rowsRef: await writeRows(at('a'), 'loops/x/rows.jsonl', [{ id: 1 }, { id: 2 }]),
      list: [await writeModel('a')],
    }));
    await run(host('b'), { deep: { made } }, async () => {
      expect(await readRows(at('b'), made.rowsRef)).toEqual([{ id: 1 }, { id: 2 }]);
      expect(readFileSync(at('b', 'models/one/state/tensors.safetensors'), 'utf8')).toBe('moments');
    });
    expect(readdirSync(at('b', 'run/exchange'))).toEqual([]);
  });

  it('W2: fetch again what is there with other contents', async () => {
    const ref = await run(host('a'), {}, () => writeRows(at('a'), 'rows.jsonl', ['new']));
    await writeRows(at('b'), 'rows.jsonl', ['old']);
    await run(host('b'), ref, async () => {
      expect(await readRows(at('b'), ref)).toEqual(['new']);
    });
  });

  it('W2: refuse contents that the storage has damaged, and leave the data folder without them', async () => {
    const ref = await run(host('a'), {}, () => writeRows(at('a'), 'rows.jsonl', ['new']));
    writeFileSync(at('shared/contents', ref.sha256.slice(0, 2), ref.sha256), 'damaged');
    await expect(run(host('b'), ref, async () => 'never')).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
    expect(existsSync(at('b', 'rows.jsonl'))).toBe(false);
  });

  it('W2: put nothing that a killed download has left into another artifact, and delete it after a day', async () => {
    const made = await run(host('a'), {}, async () => writeModel('a'));
    // What a process of this pid would have called its downloads by counting them.
    const left = Array.from({ length: 50 }, (_, count) => at('b', 'run/exchange', `${process.pid}-${count}`));
    for (const folder of left) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, 'outer-momentum.safetensors'), 'stray');
    }
    await run(host('b'), made, async () => {
      expect(readdirSync(at('b', 'models/one')).sort()).toEqual(['adapter_model.safetensors', 'state']);
    });
    const yesterday = Date.now() / 1000 - 25 * 3600;
    utimesSync(left[0]!, yesterday, yesterday);
    await host('b').clear();
    expect(left.map((folder) => existsSync(folder))).toEqual(left.map((_, place) => place > 0));
    await host('c').clear();
  });

  it('name what nobody has stored, and never leave the data folder', async () => {
    const missing = { uri: 'rows.jsonl', sha256: '0'.repeat(64), rows: 1 };
    await expect(run(host('b'), missing, async () => 'never')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    const outside = { uri: '../rows.jsonl', sha256: '0'.repeat(64), rows: 1 };
    await expect(run(host('b'), outside, async () => 'never')).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
  });
});
