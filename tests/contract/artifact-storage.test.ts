import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../config/schema.js';
import type { ArtifactStorage } from '../../workers/storage/artifact-storage.js';
import { openStorage } from '../../workers/storage/open-storage.js';
import { startS3Server, type S3Server } from './s3-server.js';

const SECRET = 'secret-of-the-test';
let folder: string;
let server: S3Server | undefined;
const variables = { ...process.env };
const file = (name: string) => path.join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-storage-'));
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: SECRET });
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  process.env = { ...variables };
  rmSync(folder, { recursive: true, force: true });
});

async function open(storage: object): Promise<ArtifactStorage> {
  const opened = await openStorage(RatchetConfig.parse({ storage }).storage);
  return opened!;
}

async function openBucket(bucket = 'artifacts'): Promise<ArtifactStorage> {
  server = await startS3Server(SECRET);
  return open({ kind: 's3', s3: { bucket, endpoint: server.endpoint, pathStyle: true } });
}

describe.each([
  ['a folder', () => open({ kind: 'folder', folder: file('shared') })],
  ['a bucket', () => openBucket()],
] as const)('artifact storage in %s', (_name, start) => {
  it.each([
    ['empty', 0],
    ['small', 3_000],
    ['of several parts', (20 << 20) + 17],
  ])('W2: gives back a file that is %s, byte for byte', async (_size, bytes) => {
    const storage = await start();
    const content = randomBytes(bytes);
    writeFileSync(file('in'), content);
    await storage.upload('a/b-1.bin', file('in'));
    expect(await storage.has('a/b-1.bin')).toBe(true);
    expect(await storage.download('a/b-1.bin', file('out'))).toBe(true);
    expect(readFileSync(file('out')).equals(content)).toBe(true);
    storage.close();
  });

  it('knows what it does not have, and replaces what it has', async () => {
    const storage = await start();
    expect(await storage.has('none')).toBe(false);
    expect(await storage.download('none', file('out'))).toBe(false);
    for (const text of ['first', 'second']) {
      writeFileSync(file('in'), text);
      await storage.upload('same', file('in'));
    }
    await storage.download('same', file('out'));
    expect(readFileSync(file('out'), 'utf8')).toBe('second');
    storage.close();
  });

  it('W2: takes one key from several at once', async () => {
    const storage = await start();
    writeFileSync(file('in'), randomBytes(100_000));
    for (let time = 0; time < 10; time++) await Promise.all([1, 2, 3].map(() => storage.upload('same', file('in'))));
    await storage.download('same', file('out'));
    expect(readFileSync(file('out')).equals(readFileSync(file('in')))).toBe(true);
    storage.close();
  });
});

describe('a bucket', () => {
  it('W2: takes nothing that is signed with another key', async () => {
    const storage = await openBucket();
    process.env.AWS_SECRET_ACCESS_KEY = 'guessed';
    const stranger = await open({
      kind: 's3',
      s3: { bucket: 'artifacts', endpoint: server!.endpoint, pathStyle: true },
    });
    writeFileSync(file('in'), 'text');
    await expect(stranger.upload('key', file('in'))).rejects.toMatchObject({ code: 'E_STORAGE', retryable: false });
    expect(server!.objects.size).toBe(0);
    stranger.close();
    storage.close();
  });

  it('W2: takes and gives files with keys that may not list it, and says what a missing one may be', async () => {
    const storage = await openBucket();
    server!.mayList = false;
    writeFileSync(file('in'), 'text');
    expect(await storage.has('key')).toBe(false);
    await expect(storage.download('key', file('out'))).rejects.toMatchObject({
      code: 'E_STORAGE',
      retryable: false,
      message: expect.stringContaining('s3:ListBucket') as string,
    });
    await storage.upload('key', file('in'));
    expect([await storage.has('key'), await storage.download('key', file('out'))]).toEqual([true, true]);
    storage.close();
  });

  it('leaves no parts behind when an upload fails, and goes on after errors that pass', async () => {
    const storage = await openBucket();
    writeFileSync(file('in'), randomBytes(9 << 20));
    server!.failNext = 1;
    await storage.upload('key', file('in'));
    expect(server!.objects.get('artifacts/ratchet/key')!.length).toBe(9 << 20);
    expect(server!.uploads.size).toBe(0);
    storage.close();
  });

  it('says which bucket there is not, and which setting is missing', async () => {
    const storage = await openBucket('others');
    writeFileSync(file('in'), 'text');
    await expect(storage.upload('key', file('in'))).rejects.toMatchObject({
      code: 'E_STORAGE',
      message: expect.stringContaining('the bucket others') as string,
    });
    await expect(open({ kind: 's3' })).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
    await expect(open({ kind: 'folder' })).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
    storage.close();
  });
});
