import { createControlActivities } from '../activities/control.js';
import { forkNote, type ForkNote } from '../workflows/note-fork.js';
import { withStoreFile } from './read-store.js';

/** Notes a fork in the audit trail of a data folder on which nothing runs. */
export const noteForkInFile = (dataFolder: string, note: ForkNote): Promise<void> =>
  withStoreFile(dataFolder, {}, (store) => createControlActivities({ store }).recordSteering(forkNote(note)));
