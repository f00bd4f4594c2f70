import { DefaultFailureConverter } from '@temporalio/common';

declare global {
  /** Set in front of the bundle by a worker that encrypts payloads; there is no environment in here. */
  var RATCHET_ENCODES_FAILURES: boolean | undefined;
}

/** Failures of workflows; where payloads are encrypted, message and stack are a payload as well. */
export const failureConverter = new DefaultFailureConverter({
  encodeCommonAttributes: globalThis.RATCHET_ENCODES_FAILURES === true,
});
