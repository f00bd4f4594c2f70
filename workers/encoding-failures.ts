import { DefaultFailureConverter } from '@temporalio/common';

/** Failures of activities whose message and stack are a payload, which the codec encrypts like any other. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
