import { RatchetError } from '../../../dist/config/errors.js';
import { runWorkerProcess } from '../../../dist/workers/worker-process.js';

/** A worker that cannot start, however often it is tried. */
await runWorkerProcess('broken-worker', async () => {
  throw new RatchetError('E_MODEL_INVALID', 'the base model is broken', { hint: 'Mend it.' });
});
