import { readFile } from 'node:fs/promises';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { toClientOptions, type ClientConfigProfile } from '@temporalio/envconfig';
import { RatchetError } from '../config/errors.js';
import type { RatchetConfig } from '../config/schema.js';
import { temporalProfile } from './temporal-profile.js';
import { PayloadEncryption } from './payload-encryption.js';
import { retryUntilClosed } from './request-retries.js';

type TlsSettings = Exclude<NonNullable<ConnectionOptions['tls']>, boolean>;

interface ConnectOptions extends Pick<ConnectionOptions, 'tls'> {
  address: string;
  apiKey?: string;
  metadata?: Record<string, string>;
}

/**
 * A client of the service at `address` (that of `up`, or the configured one), which encrypts payloads where the environment
 * has keys.
 *
 * Throws E_SERVER_UNAVAILABLE when it does not answer within ten seconds, E_CONFIG_INVALID for unusable keys.
 */
export async function connectClient(config: Pick<RatchetConfig, 'connection'>, address: string): Promise<Client> {
  const options = await connectOptions(config, address);
  const dataConverter = { payloadCodecs: [PayloadEncryption.fromEnvironment()] };
  try {
    const connection = await Connection.connect({
      ...options,
      interceptors: retryUntilClosed,
      connectTimeout: 10_000,
    });
    return new Client({ connection, namespace: namespaceOf(config, address), dataConverter });
  } catch (error) {
    throw unreachable(address, error);
  }
}

/**
 * Address, encryption and key. What the configuration leaves out of a service elsewhere is taken from Temporal's own TOML
 * file and variables, unless those are of another service. Our own server is reached without either.
 */
export async function connectOptions(
  { connection }: Pick<RatchetConfig, 'connection'>,
  address: string,
): Promise<ConnectOptions> {
  const profile = profileOf(connection, address);
  if (profile === null) return { address };
  const { tls: own, apiKeyEnv } = connection;
  const given = toClientOptions(profile).connectionOptions;
  const apiKey = process.env[apiKeyEnv] || profile.apiKey;
  const certificate = own.certificateFile === '' ? null : await readPair(own);
  const ca = own.caFile === '' ? null : await readPem('caFile', own.caFile);
  const tls: TlsSettings = {
    ...(typeof given.tls === 'object' && given.tls),
    ...(own.serverName !== '' && { serverNameOverride: own.serverName }),
    ...(ca && { serverRootCACertificate: ca }),
    ...(certificate && { clientCertPair: certificate }),
  };
  const encrypted = own.enabled || apiKey !== undefined || Object.keys(tls).length > 0;
  return {
    address,
    ...(apiKey !== undefined && { apiKey }),
    ...(profile.grpcMeta && { metadata: profile.grpcMeta }),
    ...(encrypted && { tls }),
  };
}

/** The namespace that is configured, or that of Temporal's own configuration. */
export function namespaceOf({ connection }: Pick<RatchetConfig, 'connection'>, address: string): string {
  const { namespace } = connection;
  return namespace === 'default' ? (profileOf(connection, address)?.namespace ?? namespace) : namespace;
}

/** Temporal's own configuration as far as it is of this service; null for our own server. */
function profileOf({ address: configured }: RatchetConfig['connection'], address: string): ClientConfigProfile | null {
  const profile = temporalProfile();
  const isSame = profile.address === address;
  if (configured === '') return isSame ? profile : null;
  return isSame || profile.address === undefined ? profile : {};
}

async function readPair({ certificateFile, keyFile }: RatchetConfig['connection']['tls']) {
  if (keyFile === '')
    throw new RatchetError(
      'E_CONFIG_INVALID',
      'connection.tls.certificateFile is set without connection.tls.keyFile.',
      {
        hint: 'Mutual TLS needs both: the certificate and its private key, as PEM files.',
      },
    );
  return { crt: await readPem('certificateFile', certificateFile), key: await readPem('keyFile', keyFile) };
}

async function readPem(key: string, file: string): Promise<Buffer> {
  return readFile(file).catch((cause: Error) => {
    throw new RatchetError('E_CONFIG_INVALID', `connection.tls.${key}: ${file} cannot be read (${cause.message}).`, {
      hint: 'Give the path of a PEM file that this user may read.',
      cause,
    });
  });
}

export function unreachable(address: string, cause: unknown): RatchetError {
  return new RatchetError('E_SERVER_UNAVAILABLE', `No Temporal service answers on ${address}.`, {
    hint: 'Start one with `ratchet up`, or set connection.address (TEMPORAL_ADDRESS) to a running one.',
    cause,
  });
}
