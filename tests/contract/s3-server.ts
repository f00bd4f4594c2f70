import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface S3Server {
  endpoint: string;
  /** What is stored, by `bucket/key`; tests may damage it. */
  objects: Map<string, Buffer>;
  /** Uploads of parts that are neither completed nor aborted. */
  uploads: Map<string, Map<number, Buffer>>;
  /** Requests to answer with an error first. */
  failNext: number;
  /** Whether the keys have s3:ListBucket: without it what is missing is as what may not be read. */
  mayList: boolean;
  close(): Promise<void>;
}

/**
 * The part of S3's protocol that artifacts need, on loopback: objects, parts, and signatures of version 4, which are computed
 * anew from the secret and the request as it came (AWS, "Signature Version 4 signing process"). One bucket: `artifacts`.
 */
export async function startS3Server(secret: string): Promise<S3Server> {
  const state: S3Server = {
    endpoint: '',
    objects: new Map(),
    uploads: new Map(),
    failNext: 0,
    mayList: true,
    close: async () => {},
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(state, secret, request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  state.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return state;
}

function answer(state: S3Server, secret: string, request: IncomingMessage, response: ServerResponse, body: Buffer) {
  const send = (status: number, text: string | Buffer = '', headers = {}) =>
    response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : text);
  const fail = (status: number, code: string) =>
    send(status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
  if (state.failNext > 0) {
    state.failNext -= 1;
    return fail(503, 'SlowDown');
  }
  const url = new URL(request.url!, 'http://localhost');
  if (!isSigned(secret, request, url, body)) return fail(403, 'SignatureDoesNotMatch');
  const key = decodeURIComponent(url.pathname.slice(1));
  if (!key.startsWith('artifacts/')) return fail(404, 'NoSuchBucket');
  const [upload, part] = [url.searchParams.get('uploadId'), Number(url.searchParams.get('partNumber'))];
  const etag = { etag: `"${createHash('md5').update(body).digest('hex')}"` };
  switch (`${request.method}${url.searchParams.has('uploads') ? ' uploads' : ''}${upload === null ? '' : ' upload'}`) {
    case 'PUT':
      state.objects.set(key, body);
      return send(200, '', etag);
    case 'POST uploads': {
      const id = `upload-${state.uploads.size + 1}`;
      state.uploads.set(id, new Map());
      return send(200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    }
    case 'PUT upload':
      state.uploads.get(upload!)!.set(part, body);
      return send(200, '', etag);
    case 'POST upload': {
      const parts = [...state.uploads.get(upload!)!].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
      if (parts.slice(0, -1).some(({ length }) => length < 5 << 20)) return fail(400, 'EntityTooSmall');
      state.objects.set(key, Buffer.concat(parts));
      state.uploads.delete(upload!);
      return send(200, '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>');
    }
    case 'DELETE upload':
      state.uploads.delete(upload!);
      return send(204);
    default: {
      const object = state.objects.get(key);
      if (object === undefined) return state.mayList ? fail(404, 'NoSuchKey') : fail(403, 'AccessDenied');
      return send(200, object, { 'content-length': object.length });
    }
  }
}

function isSigned(secret: string, { method, headers }: IncomingMessage, url: URL, body: Buffer): boolean {
  const given = /Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)/.exec(headers.authorization ?? '');
  if (given === null) return false;
  const [, credential, signed, signature] = given as unknown as [string, string, string, string];
  const [, day, region, service, end] = credential.split('/');
  const payload = String(headers['x-amz-content-sha256']);
  const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)) return false;
  const encode = (text: string) =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const canonical = [
    method,
    url.pathname,
    query.join('&'),
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    payload,
  ].join('\n');
  const scope = [day, region, service, end].join('/');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const hmac = (key: string | Buffer, of: string) => createHmac('sha256', key).update(of).digest();
  const signing = [region, service, end].reduce((key, of) => hmac(key, of!), hmac(`AWS4${secret}`, day!));
  return hmac(signing, text).toString('hex') === signature;
}
