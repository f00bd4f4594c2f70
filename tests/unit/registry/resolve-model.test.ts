import { mkdtemp, readFile, readdir, rm, stat, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadModel } from '../../../engine/nn/load-model.js';
import { resolveModel } from '../../../engine/registry/resolve-model.js';
import { COMMIT, startHub, type HubServer } from './hub-server.js';

const REPOSITORY = 'someone/tiny-llama';
const source = join(import.meta.dirname, '../../parity/fixtures/models/llama_biases');
const outside = { 'README.md': Buffer.from('# not wanted'), 'pytorch_model.bin': Buffer.from('pickle') };

let cacheFolder: string;
let hub: HubServer;
let weights: Buffer;
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'ratchet-hub-'));
  weights = await readFile(join(source, 'model.safetensors'));
  const config = await readFile(join(source, 'config.json'));
  hub = await startHub(REPOSITORY, { 'model.safetensors': weights, 'config.json': config, ...outside });
});
afterEach(async () => {
  await hub.close();
  await rm(cacheFolder, { recursive: true });
});

const resolve = (name = REPOSITORY, attempts = 3) =>
  resolveModel(name, { cacheFolder, endpoint: hub.endpoint, pause: 1, attempts });
const folder = () => join(cacheFolder, 'someone--tiny-llama', COMMIT);
const partial = () => join(folder(), 'model.safetensors.partial');

describe('T1: a model of the hub', () => {
  it('is downloaded once, checked, and loads; the second time nothing is asked', async () => {
    const found = await resolve();
    expect((await readdir(found)).toSorted()).toEqual(['config.json', 'model.safetensors']);
    expect((await loadModel(found)).config.architecture).toBe('llama');
    const asked = hub.requests.length;
    await hub.close();
    expect(await resolve()).toBe(found);
    expect(hub.requests).toHaveLength(asked);
  });

  it('is downloaded again when a file has gone', async () => {
    await rm(join(await resolve(), 'config.json'));
    await loadModel(await resolve());
  });

  it('continues what an earlier process left', async () => {
    await mkdir(folder(), { recursive: true });
    await writeFile(partial(), weights.subarray(0, 1000));
    await resolve();
    expect(hub.requests).toContain('/cdn/model.safetensors bytes=1000-');
    expect(await readFile(join(folder(), 'model.safetensors'))).toEqual(weights);
  });

  it('survives streams that are cut, and takes up where each ended', async () => {
    let cuts = 0;
    hub.intercept = (request, response) => {
      if (!request.url!.startsWith('/cdn/model.safetensors') || cuts === 4) return false;
      cuts++;
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, {
        'content-length': weights.length - start,
        'content-range': `bytes ${start}-${weights.length - 1}/${weights.length}`,
      });
      response.write(weights.subarray(start, start + 700), () => response.destroy());
      return true;
    };
    // A cut may come before any byte of its answer is read: more attempts than cuts.
    await resolve(REPOSITORY, 5);
    expect(cuts).toBe(4);
    expect(await readFile(join(folder(), 'model.safetensors'))).toEqual(weights);
  });

  it('is whole when two processes download it at once, however they overlap', async () => {
    const half = Math.floor(weights.length / 2);
    let finishFirst: (() => void) | null = null;
    hub.intercept = (request, response) => {
      if (finishFirst || !request.url!.startsWith('/cdn/model')) return false;
      response.write(weights.subarray(0, half));
      finishFirst = () => response.end(weights.subarray(half));
      return true;
    };
    const first = resolve();
    await vi.waitFor(async () => expect((await stat(partial())).size).toBe(half));
    await resolve();
    finishFirst!();
    await first;
    expect((await readFile(join(folder(), 'model.safetensors'))).equals(weights)).toBe(true);
    expect((await readdir(folder())).toSorted()).toEqual(['config.json', 'model.safetensors']);
  });

  it('is whole when the server knows no ranges', async () => {
    await mkdir(folder(), { recursive: true });
    await writeFile(partial(), weights.subarray(0, 1000));
    hub.intercept = (request, response) => {
      if (!request.url!.startsWith('/cdn/model')) return false;
      response.end(weights);
      return true;
    };
    await resolve();
    expect(await readFile(join(folder(), 'model.safetensors'))).toEqual(weights);
  });

  it('is refused when a byte is wrong, and nothing is kept', async () => {
    const damaged = Buffer.from(weights);
    damaged[2000]! ^= 1;
    hub.intercept = (request, response) => {
      if (!request.url!.startsWith('/cdn/model')) return false;
      response.end(damaged);
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({
      code: 'E_MODEL_INVALID',
      message: expect.stringMatching(/model\.safetensors: its checksum is [0-9a-f]{64}, the hub promised/),
    });
    expect(await readdir(folder())).toEqual(['config.json']);
    hub.intercept = () => false;
    await loadModel(await resolve());
  });

  it('is refused when the server sends more than it promised', async () => {
    hub.intercept = (request, response) => {
      if (!request.url!.startsWith('/cdn/model')) return false;
      response.end(Buffer.concat([weights, weights]));
      return true;
    };
    await expect(resolve()).rejects.toThrow(/sends more than the promised/);
  });

  it('gives up with a typed fault when the server keeps failing or cannot be reached', async () => {
    hub.intercept = (request, response) => {
      if (!request.url!.startsWith('/cdn/model')) return false;
      response.writeHead(503).end();
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({ code: 'E_MODEL_MISSING', message: expect.stringContaining('503') });
    expect(hub.requests.filter((line) => line.startsWith('/cdn/model'))).toHaveLength(3);
    await hub.close();
    await expect(resolve('someone/other')).rejects.toMatchObject({
      code: 'E_MODEL_MISSING',
      message: expect.stringContaining('ECONNREFUSED'),
      hint: expect.stringContaining('folder'),
    });
  });

  it.each([
    [404, /does not exist/],
    [401, /without an account/],
  ])('that the hub answers with %i is missing, and not asked for twice', async (status, message) => {
    hub.intercept = (_, response) => {
      response.writeHead(status).end();
      return true;
    };
    await expect(resolve()).rejects.toMatchObject({ code: 'E_MODEL_MISSING', retryable: false });
    await expect(resolve()).rejects.toThrow(message);
    expect(hub.requests).toHaveLength(2);
  });

  it('writes no name of the server that is not one of a model folder', async () => {
    const evil = [
      '../../evil.json',
      '/tmp/evil.json',
      'sub/config.json',
      '..\\evil.safetensors',
      'model-1.safetensors',
    ];
    hub.siblings.push(...evil.map((rfilename) => ({ rfilename, size: 1, blobId: '0'.repeat(40) })));
    expect((await readdir(await resolve())).toSorted()).toEqual(['config.json', 'model.safetensors']);
    expect(hub.requests.some((line) => line.includes('evil'))).toBe(false);
  });

  it.each<[string, (siblings: Record<string, unknown>[]) => unknown, RegExp]>([
    ['lists a file twice', (list) => list.push({ ...list[0] }), /lists model.safetensors twice/],
    ['gives no checksum', (list) => Object.assign(list[1]!, { blobId: '../..' }), /no checksum for config.json/],
    ['gives no size', (list) => Object.assign(list[1]!, { size: -4 }), /no size for config.json/],
    ['has no weights', (list) => list.splice(0, 1), /no safetensors weights/],
    ['has no config', (list) => list.splice(1, 1), /no config.json/],
  ])('is refused when the hub %s', async (_, change, message) => {
    change(hub.siblings);
    await expect(resolve()).rejects.toThrow(message);
  });

  it('is named by a repository, an id of the registry, or is a folder', async () => {
    expect(await resolve(source)).toBe(source);
    await expect(resolve('../etc')).rejects.toMatchObject({ code: 'E_MODEL_MISSING' });
    await expect(resolve('gpt2')).rejects.toThrow(/openai-community\/gpt2/);
    expect(hub.requests).toEqual(['/api/models/openai-community/gpt2/revision/main?blobs=true']);
  });
});
