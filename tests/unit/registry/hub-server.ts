import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export interface HubServer {
  endpoint: string;
  /** `METHOD path range` of every request. */
  requests: string[];
  /** What the hub's list says of each file; tests change it to lie. */
  siblings: Record<string, unknown>[];
  /** Takes a request before the hub does; true when it has answered. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

const digest = (kind: string, ...parts: (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash(kind)).digest('hex');

/**
 * A Hugging Face hub on the loopback interface: the model's list of files with checksums, and the files behind a
 * redirect, with ranges. Weights have SHA-256 (LFS), other files git's blob hash alone.
 */
export async function startHub(repository: string, files: Record<string, Buffer>): Promise<HubServer> {
  const siblings = Object.entries(files).map(([rfilename, data]): Record<string, unknown> => ({
    rfilename,
    size: data.length,
    blobId: digest('sha1', `blob ${data.length}\0`, data),
    ...(rfilename.endsWith('.safetensors') && { lfs: { sha256: digest('sha256', data), size: data.length } }),
  }));
  const hub: HubServer = { endpoint: '', requests: [], siblings, intercept: () => false, close: async () => {} };
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    hub.requests.push(`${url} ${request.headers.range ?? ''}`.trim());
    if (hub.intercept(request, response)) return;
    if (url.startsWith(`/api/models/${repository}/revision/main?`)) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: repository, sha: COMMIT, siblings: hub.siblings }));
      return;
    }
    const prefix = `/${repository}/resolve/${COMMIT}/`;
    if (url.startsWith(prefix)) {
      response.writeHead(302, { location: `/cdn/${url.slice(prefix.length)}` }).end();
      return;
    }
    const data = url.startsWith('/cdn/') ? files[url.slice('/cdn/'.length)] : undefined;
    if (!data) {
      response.writeHead(404).end('Entry not found');
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0) response.writeHead(206, { 'content-range': `bytes ${start}-${data.length - 1}/${data.length}` });
    response.end(data.subarray(start));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  hub.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return hub;
}
