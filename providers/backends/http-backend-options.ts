import type { Clock } from '../clock.js';

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
