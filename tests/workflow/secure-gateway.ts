import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

export interface Certificates {
  ca: string;
  server: string;
  serverKey: string;
  client: string;
  clientKey: string;
}

/** A certificate authority, a certificate of `temporal.test` and one of a client, as PEM files in the folder. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => path.join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-subj', '/CN=ratchet-test-ca', '-keyout', 'ca.key', '-out', 'ca.pem');
  const sign = (name: string, subject: string, extension: string) => {
    const extensions = ['-addext', extension, '-addext', 'basicConstraints=critical,CA:FALSE'];
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key'];
    const out = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    openssl('req', '-x509', ...key, '-subj', subject, ...extensions, ...authority, ...out);
  };
  sign('server', '/CN=temporal.test', 'subjectAltName=DNS:temporal.test');
  sign('client', '/CN=ratchet', 'extendedKeyUsage=clientAuth');
  return {
    ca: file('ca.pem'),
    server: file('server.pem'),
    serverKey: file('server.key'),
    client: file('client.pem'),
    clientKey: file('client.key'),
  };
}

export interface Gateway {
  address: string;
  /** Calls let through. */
  calls: number;
  close(): Promise<void>;
}

/**
 * A TLS front of a plain Temporal server, as a cloud service has one: with `apiKey` a call must carry it as its bearer
 * token, without it the client must show a certificate of the authority.
 */
export async function startGateway(target: string, files: Certificates, apiKey?: string): Promise<Gateway> {
  const upstream = connect(`http://${target}`);
  const server = createSecureServer({
    cert: readFileSync(files.server),
    key: readFileSync(files.serverKey),
    ca: readFileSync(files.ca),
    requestCert: apiKey === undefined,
    rejectUnauthorized: apiKey === undefined,
  });
  const gateway: Gateway = { address: '', calls: 0, close: async () => undefined };
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' }, { endStream: true });
      return;
    }
    gateway.calls += 1;
    const { ':authority': _authority, ':scheme': _scheme, authorization: _key, ...rest } = headers;
    const call = upstream.request({ ...rest, ':authority': target, ':scheme': 'http' });
    call.on('error', () => stream.destroy());
    stream.on('close', () => call.close());
    let trailers = {};
    call.on('trailers', (received) => (trailers = received));
    call.on('response', (response) => {
      stream.respond(response, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      call.pipe(stream);
    });
    stream.pipe(call);
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  gateway.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  gateway.close = async () => {
    for (const session of sessions) session.destroy();
    upstream.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return gateway;
}
