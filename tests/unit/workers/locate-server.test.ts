import { createServer } from 'node:http';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../../config/schema.js';
import { cacheFolder } from '../../../workers/server/cache.js';
import { serverArguments } from '../../../workers/server/dev-server.js';
import { locateServer } from '../../../workers/server/locate.js';
import { claimPort } from '../../../workers/server/ports.js';

const folder = () => mkdtempSync(path.join(tmpdir(), 'ratchet-server-'));

/** A command that answers `--version` as the real one does. */
function fakeBinary(file: string, version = 'temporal version 9.9.9 (Server 1.2.3, UI 4.5.6)'): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho "${version}"\n`);
  chmodSync(file, 0o755);
  return file;
}

function settings(server: object = {}, connection: object = {}) {
  return RatchetConfig.parse({ server, connection });
}

const offline = 'http://127.0.0.1:9';

describe('where the server comes from', () => {
  it('takes the configured address before everything else, then the one of the environment, then of the TOML file', async () => {
    const file = path.join(folder(), 'temporal.toml');
    writeFileSync(file, '[profile.default]\naddress = "toml:7233"\n');
    const env = { TEMPORAL_CONFIG_FILE: file };
    const locate = (connection: object, more: object = {}) =>
      locateServer({ config: settings({}, connection), env: { ...env, ...more } });
    expect(await locate({ address: 'yaml:7233' }, { TEMPORAL_ADDRESS: 'env:7233' })).toEqual({
      kind: 'address',
      address: 'yaml:7233',
    });
    expect(await locate({}, { TEMPORAL_ADDRESS: 'env:7233' })).toEqual({ kind: 'address', address: 'env:7233' });
    expect(await locate({})).toEqual({ kind: 'address', address: 'toml:7233' });
  });

  it('takes `temporal` on PATH before the cache, and the cache before a download', async () => {
    const onPath = folder();
    const cacheDir = folder();
    const cached = fakeBinary(path.join(cacheDir, 'bin', 'temporal'));
    const config = settings({ cacheDir });
    expect(await locateServer({ config, env: { PATH: onPath }, downloadUrl: offline })).toEqual({
      kind: 'cache',
      path: cached,
      version: '9.9.9 (Server 1.2.3, UI 4.5.6)',
    });
    const binary = fakeBinary(path.join(onPath, 'temporal'));
    expect(await locateServer({ config, env: { PATH: onPath } })).toMatchObject({ kind: 'path', path: binary });
  });

  it('skips a `temporal` that is something else', async () => {
    const onPath = folder();
    const cacheDir = folder();
    fakeBinary(path.join(onPath, 'temporal'), 'a calendar, version 3');
    fakeBinary(path.join(cacheDir, 'bin', 'temporal'));
    const located = await locateServer({ config: settings({ cacheDir }), env: { PATH: onPath } });
    expect(located.kind).toBe('cache');
  });

  it('says what every route said, and what to do, when none leads anywhere', async () => {
    const cacheDir = folder();
    const progress: string[] = [];
    const config = settings({ cacheDir, allowGoInstall: false });
    const locating = locateServer({
      config,
      env: { PATH: folder() },
      downloadUrl: offline,
      onProgress: (message) => progress.push(message),
    });
    await expect(locating).rejects.toMatchObject({
      code: 'E_SERVER_UNAVAILABLE',
      message: expect.stringMatching(
        /no address is configured; `temporal` is not on PATH; .*bin\/temporal is not there; Download of the Temporal server failed: 127\.0\.0\.1:9 cannot be reached .*; go-install is switched off\.$/,
      ),
      hint: expect.stringContaining('TEMPORAL_ADDRESS'),
    });
    expect(progress[0]).toBe('downloading the Temporal server');
  });

  it('rejects a download that is a page instead of an archive', async () => {
    const server = createServer((request, response) => {
      const { port } = server.address() as AddressInfo;
      const info = { archiveUrl: `http://127.0.0.1:${port}/archive`, fileToExtract: 'temporal' };
      response.end(request.url?.startsWith('/cli/') ? JSON.stringify(info) : '<html>log in first</html>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const config = settings({ cacheDir: folder(), allowGoInstall: false });
      const locating = locateServer({ config, env: { PATH: '' }, downloadUrl: `http://127.0.0.1:${port}` });
      await expect(locating).rejects.toThrow('the download has 25 bytes only: it is not the server');
    } finally {
      server.close();
    }
  });

  it('keeps what it fetches in the configured folder, RATCHET_CACHE or the cache folder of the user', () => {
    expect(cacheFolder('/a', { RATCHET_CACHE: '/b' })).toBe('/a');
    expect(cacheFolder('', { RATCHET_CACHE: '/b', XDG_CACHE_HOME: '/c' })).toBe('/b');
    expect(cacheFolder('', { XDG_CACHE_HOME: '/c' })).toBe('/c/ratchet');
  });
});

describe('how the server is started', () => {
  it('uses the measured settings', () => {
    const config = settings();
    const options = { binary: 'temporal', dataFolder: '/data', port: 7001, uiPort: 8001, logFile: '/l', config };
    expect(serverArguments(options).join(' ')).toMatchInlineSnapshot(
      `"server start-dev --ip=127.0.0.1 --port=7001 --log-level=warn --db-filename=/data/temporal/temporal.db --ui-port=8001 --sqlite-pragma=journal_mode=WAL --sqlite-pragma=synchronous=NORMAL --dynamic-config-value=history.timerProcessorMaxTimeShift="10ms" --dynamic-config-value=history.hostLevelCacheMaxSize=1000 --dynamic-config-value=history.transferProcessorMaxPollRPS=2000"`,
    );
  });

  it('says which port is in use and which setting changes it', async () => {
    const port = await claimPort('127.0.0.1', 0, 'server.port');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    try {
      await expect(claimPort('127.0.0.1', port, 'server.port')).rejects.toMatchObject({
        code: 'E_SERVER_UNAVAILABLE',
        message: `Port ${port} on 127.0.0.1 is used by another process.`,
        hint: expect.stringContaining('Set server.port to another port'),
      });
    } finally {
      server.close();
    }
  });
});
