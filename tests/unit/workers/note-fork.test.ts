import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Store } from '../../../store/store.js';
import { noteForkInFile } from '../../../workers/note-fork.js';
import { withStoreFile } from '../../../workers/read-store.js';

it('W1: a fork is in the audit trail once, also when nothing runs on the data folder', async () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-note-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  await (await Store.open(path.join(dataFolder, 'ratchet.duckdb'))).close();
  const details = { changes: { numEpochs: '6' }, outputDir: '/runs/longer' };
  const note = { id: 'abc', loop: 'main', round: 3, actor: 'ada', reason: 'was still falling', details };
  await noteForkInFile(dataFolder, note);
  await noteForkInFile(dataFolder, note);
  expect(await withStoreFile(dataFolder, { readOnly: true }, (store) => store.audit('main'))).toEqual([
    {
      at: expect.any(String),
      actor: 'ada',
      action: 'fork',
      subject: 'round 3',
      details: { reason: 'was still falling', ...details },
    },
  ]);
});
