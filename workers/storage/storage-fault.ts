import { RatchetError } from '../../config/errors.js';

/** Statuses of S3 that another attempt cannot mend: wrong keys, no right, no such bucket. */
const FINAL = new Set([400, 401, 403, 404]);

/** A fault of the artifact storage as one that the user can act on. */
export function storageFault(doing: string, cause: unknown): RatchetError {
  const { message, name, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  return new RatchetError('E_STORAGE', `The artifact storage failed while ${doing}: ${message || name}.`, {
    hint: 'Check storage.* of the configuration, the keys in the environment (AWS_…), and that the storage answers.',
    retryable: status === undefined || !FINAL.has(status),
    cause,
  });
}
