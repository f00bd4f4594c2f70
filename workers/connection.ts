import { readFile } from 'node:fs/promises';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { RatchetError } from '../config/errors.js';
import type { RatchetConfig } from '../config/schema.js';

interface ConnectOptions extends Pick<ConnectionOptions, 'tls'> {
  address: string;
  apiKey?: string;
}

/**
 * A client of the service at `address` (that of `up`, or the configured one).
 *
 * Throws E_SERVER_UNAVAILABLE when it does not answer within ten seconds.
 */
export async function connectClient(config: Pick<RatchetConfig, 'connection'>, address: string): Promise<Client> {
  const options = await connectOptions(config, address);
  try {
    const connection = await Connection.connect({ ...options, connectTimeout: 10_000 });
    return new Client({ connection, namespace: config.connection.namespace });
  } catch (error) {
    throw unreachable(address, error);
  }
}

/** A worker's connection; tries until the deadline, for the server may just be starting again. */
export async function connectWorker(
  config: Pick<RatchetConfig, 'connection'>,
  address: string,
  deadlineMilliseconds = 60_000,
): Promise<NativeConnection> {
  const options = await connectOptions(config, address);
  const deadline = Date.now() + deadlineMilliseconds;
  for (;;) {
    try {
      return await NativeConnection.connect(options);
    } catch (error) {
      if (Date.now() > deadline) throw unreachable(address, error);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function connectOptions(
  { connection }: Pick<RatchetConfig, 'connection'>,
  address: string,
): Promise<ConnectOptions> {
  const own = connection.address === '' || connection.address === address;
  const fromToml = own && connection.address === '' ? loadClientConnectConfig().connectionOptions : {};
  if (fromToml.address === address) return { ...(fromToml as ConnectOptions), address };
  if (connection.address === '') return { address };
  const { tls, apiKeyEnv } = connection;
  const apiKey = process.env[apiKeyEnv] || undefined;
  const certificate =
    tls.certificateFile === ''
      ? undefined
      : { crt: await readFile(tls.certificateFile), key: await readFile(tls.keyFile) };
  const useTls = tls.enabled || apiKey !== undefined || certificate !== undefined;
  return {
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(useTls
      ? {
          tls: {
            ...(tls.serverName === '' ? {} : { serverNameOverride: tls.serverName }),
            ...(tls.caFile === '' ? {} : { serverRootCACertificate: await readFile(tls.caFile) }),
            ...(certificate === undefined ? {} : { clientCertPair: certificate }),
          },
        }
      : {}),
  };
}

function unreachable(address: string, cause: unknown): RatchetError {
  return new RatchetError('E_SERVER_UNAVAILABLE', `No Temporal service answers on ${address}.`, {
    hint: 'Start one with `ratchet up`, or set connection.address (TEMPORAL_ADDRESS) to a running one.',
    cause,
  });
}
