import type { Clock } from '../clock.js';
import { endpoint } from '../http/endpoint.js';
import { post } from '../http/post.js';
import type { Backend, BackendEvent, CompletionRequest } from '../provider.js';

/** What every backend that speaks HTTP is built from. */
export interface HttpBackendOptions {
  /** http(s) address in front of the protocol's own path. */
  baseUrl: string;
  model: string;
  /** Sent as the protocol wants it; none when left out. */
  key?: string;
  /** Longest answer, bytes. */
  maximumAnswerBytes: number;
  clock: Clock;
}

/** How a protocol writes its requests and reads its answers. */
export interface Protocol {
  name: string;
  supportsSeed: boolean;
  path: string;
  /** Media type of a streamed answer. */
  accept: string;
  headers: Record<string, string>;
  bodyOf(request: CompletionRequest): unknown;
  /** Ends with an `end` event, else throws a ProviderFault. */
  read(chunks: AsyncIterable<Uint8Array>): AsyncIterable<BackendEvent>;
}

/** A backend that posts each request and streams the answer. */
export function httpBackend(options: HttpBackendOptions, protocol: Protocol): Backend {
  const { name, supportsSeed, accept, headers } = protocol;
  const url = endpoint(options.baseUrl, protocol.path);
  return {
    name,
    model: options.model,
    supportsSeed,
    address: url.href,
    headers,
    bodyOf: (request) => protocol.bodyOf(request),
    attempt(request, attempt) {
      const { maximumAnswerBytes: maximumBytes, clock } = options;
      const body = protocol.bodyOf(request);
      return protocol.read(post({ url, headers, body, accept, maximumBytes, now: clock.now() }, attempt));
    },
  };
}

export const bearer = (key: string | undefined): Record<string, string> =>
  key === undefined ? {} : { authorization: `Bearer ${key}` };
