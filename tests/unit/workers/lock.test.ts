import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLock, lockHolder, readLock, type LockHolder } from '../../../workers/lock.js';
import { isAlive, processStart } from '../../../workers/process-identity.js';

type Holder = LockHolder & { note: string };

const folder = () => mkdtempSync(path.join(tmpdir(), 'ratchet-lock-'));

function take(file: string, note: string) {
  const attempt = acquireLock<Holder>(file, { note });
  if (!attempt.acquired) throw new Error(`held by ${attempt.holder.pid}`);
  return attempt;
}

describe('lock', () => {
  it('names the holder to whoever comes second, and is free after release', () => {
    const file = path.join(folder(), 'run', 'a.lock');
    const { lock, stale } = take(file, 'first');
    expect(stale).toBeNull();
    const second = acquireLock<Holder>(file, { note: 'second' });
    expect(second).toMatchObject({ acquired: false, holder: { pid: process.pid, note: 'first' } });
    lock.update({ note: 'changed' });
    expect(lockHolder<Holder>(file)?.note).toBe('changed');
    lock.release();
    expect(lockHolder(file)).toBeNull();
    take(file, 'third').lock.release();
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });

  it('takes over what a dead process left and says what it was', async () => {
    const file = path.join(folder(), 'a.lock');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const dead = { pid: child.pid, start: processStart(child.pid ?? 0), startedAt: 'earlier', note: 'dead' };
    writeFileSync(file, JSON.stringify(dead));
    expect(acquireLock<Holder>(file, { note: 'too early' })).toMatchObject({
      acquired: false,
      holder: { note: 'dead' },
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(take(file, 'mine').stale).toMatchObject({ note: 'dead' });
    expect(readLock<Holder>(file)?.note).toBe('mine');
  });

  it('is not fooled by another process that got the pid of the holder', () => {
    const file = path.join(folder(), 'a.lock');
    writeFileSync(file, JSON.stringify({ pid: process.pid, start: 'another time', startedAt: 'earlier', note: 'old' }));
    expect(take(file, 'mine').stale).toMatchObject({ note: 'old' });
  });

  it('takes over a file that says nothing', () => {
    const file = path.join(folder(), 'a.lock');
    writeFileSync(file, '{"pid": 12');
    expect(take(file, 'mine').stale).toBeNull();
    expect(readLock<Holder>(file)?.note).toBe('mine');
  });

  it('leaves a lock alone that another process has taken meanwhile', () => {
    const file = path.join(folder(), 'a.lock');
    const { lock } = take(file, 'mine');
    writeFileSync(file, JSON.stringify({ pid: 1, start: processStart(1), startedAt: 'now', note: 'theirs' }));
    lock.update({ note: 'still mine' });
    lock.release();
    expect(readLock<Holder>(file)?.note).toBe('theirs');
  });

  it('reports a folder that cannot be written', () => {
    const file = path.join(folder(), 'file');
    writeFileSync(file, '');
    expect(() => acquireLock<Holder>(path.join(file, 'a.lock'), { note: '' })).toThrow(
      expect.objectContaining({ code: 'E_DATA_FOLDER' }),
    );
  });

  it('knows a process by pid and start', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const start = processStart(child.pid ?? 0);
    expect(isAlive(child.pid ?? 0, start)).toBe(true);
    expect(isAlive(child.pid ?? 0, 'another')).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(child.pid ?? 0, start)).toBe(false);
  });
});
