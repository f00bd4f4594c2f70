import { NativeConnection } from '@temporalio/worker';
import type { RatchetConfig } from '../config/schema.js';
import { connectOptions, unreachable } from './connection.js';

/** A worker's connection; tries until the deadline, for the server may just be starting again. */
export async function connectWorker(
  config: Pick<RatchetConfig, 'connection'>,
  address: string,
  deadlineMilliseconds = 60_000,
): Promise<NativeConnection> {
  const options = await connectOptions(config, address);
  const deadline = Date.now() + deadlineMilliseconds;
  for (;;) {
    try {
      return await NativeConnection.connect(options);
    } catch (error) {
      if (Date.now() > deadline) throw unreachable(address, error);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
