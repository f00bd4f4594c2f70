import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { RatchetError } from '../../config/errors.js';
import type { RatchetConfig } from '../../config/schema.js';
import { temporalProfile } from '../temporal-profile.js';
import { BINARY_NAME, cachedBinary, cacheFolder } from './cache.js';
import { downloadServer } from './download.js';
import { goInstallServer } from './go-install.js';
import { serverVersion } from './version.js';

/** A Temporal service that runs elsewhere, or a command line that can start one here. */
export type LocatedServer =
  | { kind: 'address'; address: string }
  | { kind: 'path' | 'cache' | 'download' | 'go-install'; path: string; version: string };

export interface LocateOptions {
  config: Pick<RatchetConfig, 'connection' | 'server'>;
  env?: NodeJS.ProcessEnv;
  onProgress?(message: string): void;
  /** Where the official download is looked for. */
  downloadUrl?: string;
}

/**
 * Finds or gets a Temporal server: the configured address (configuration, then Temporal's own TOML file and
 * environment) → `temporal` on PATH → our cache → the official download → `go install`.
 *
 * Throws E_SERVER_UNAVAILABLE with what every route said when none leads anywhere.
 */
export async function locateServer(options: LocateOptions): Promise<LocatedServer> {
  const { config, env = process.env, onProgress = () => {} } = options;
  const address = configuredAddress(config.connection.address, env);
  if (address !== null) return { kind: 'address', address };

  const tried: string[] = ['no address is configured'];
  const onPath = await findOnPath(env.PATH ?? '');
  if (onPath !== null) {
    const version = await serverVersion(onPath);
    if (version !== null) return { kind: 'path', path: onPath, version };
    tried.push(`${onPath} does not run`);
  } else tried.push('`temporal` is not on PATH');

  const cache = cacheFolder(config.server.cacheDir, env);
  const cached = cachedBinary(cache);
  const cachedVersion = await serverVersion(cached);
  if (cachedVersion !== null) return { kind: 'cache', path: cached, version: cachedVersion };
  tried.push(`${cached} is not there`);

  const fetched = { version: config.server.version, cache, onProgress };
  const routes = [
    {
      kind: 'download' as const,
      allowed: config.server.allowDownload,
      get: () => downloadServer({ ...fetched, baseUrl: options.downloadUrl }),
    },
    { kind: 'go-install' as const, allowed: config.server.allowGoInstall, get: () => goInstallServer(fetched) },
  ];
  for (const route of routes) {
    if (!route.allowed) {
      tried.push(`${route.kind} is switched off`);
      continue;
    }
    try {
      onProgress(
        route.kind === 'download' ? 'downloading the Temporal server' : 'building the Temporal server with Go',
      );
      const binary = await route.get();
      return { kind: route.kind, path: binary, version: (await serverVersion(binary)) ?? config.server.version };
    } catch (error) {
      const message = (error as Error).message;
      tried.push(message.replace(/\.$/, ''));
      onProgress(message);
    }
  }
  throw new RatchetError('E_SERVER_UNAVAILABLE', `No Temporal server was found: ${tried.join('; ')}.`, {
    hint: 'Install the Temporal command line (https://docs.temporal.io/cli) or Go, or set connection.address (TEMPORAL_ADDRESS) to a running service.',
    retryable: false,
  });
}

/** The configured address of a running service; null when we are to start our own. */
export function configuredAddress(address: string, env: NodeJS.ProcessEnv = process.env): string | null {
  return address !== '' ? address : temporalProfile(env).address || null;
}

async function findOnPath(searchPath: string): Promise<string | null> {
  for (const folder of searchPath.split(path.delimiter).filter((entry) => entry !== '')) {
    const file = path.join(folder, BINARY_NAME);
    const executable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return file;
  }
  return null;
}
