import { dirname } from 'node:path/posix';
import type { ArtifactRef, RejectedRow } from '../config/domain.js';
import { loadFeedback } from '../datasets/index.js';
import { fillRows, resolveInside, writeRows } from './artifacts.js';
import type { Dependencies } from './dependencies.js';
import type { ImportActivities } from './interfaces.js';

/** Rows the store takes in one write. */
const CHUNK = 20_000;
const SAMPLE = 20;

/** Stage 1, for feedback that comes as a file. */
export function createImportActivities({ dataFolder }: Dependencies): ImportActivities {
  return {
    async parseFeedback({ uri }) {
      const folder = dirname(uri);
      const chunks: ArtifactRef[] = [];
      const sample: Omit<RejectedRow, 'raw'>[] = [];
      const { ref, result } = await fillRows(dataFolder, `${folder}/rejected.jsonl`, (append) =>
        loadFeedback(resolveInside(dataFolder, uri), {
          batchSize: CHUNK,
          async onEvents(events) {
            chunks.push(await writeRows(dataFolder, `${folder}/events-${chunks.length}.jsonl`, events));
          },
          async onRejected(rows) {
            for (const { raw: _raw, ...row } of rows.slice(0, SAMPLE - sample.length)) sample.push(row);
            await append(rows);
          },
        }),
      );
      return {
        ...result,
        chunks,
        rejectedRef: ref,
        rejectedSample: sample,
      };
    },
  };
}
