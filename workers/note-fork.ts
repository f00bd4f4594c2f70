import path from 'node:path';
import { createControlActivities } from '../activities/control.js';
import { forkNote, type ForkNote } from '../workflows/note-fork.js';

/** Notes a fork in the audit trail of a data folder on which nothing runs. */
export async function noteForkInFile(dataFolder: string, note: ForkNote): Promise<void> {
  // The command line waits for a database's library only where it needs one.
  const { Store } = await import('../store/store.js');
  const store = await Store.open(path.join(dataFolder, 'ratchet.duckdb'));
  try {
    await createControlActivities({ store }).recordSteering(forkNote(note));
  } finally {
    await store.close();
  }
}
