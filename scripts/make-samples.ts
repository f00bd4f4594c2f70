/** Writes `datasets/samples/feedback.jsonl`: feedback on invented answers, the same bytes each time. */
import { writeFile } from 'node:fs/promises';
import { makeSampleFeedback } from '../datasets/make-sample-feedback.js';

const target = process.argv[2] ?? 'datasets/samples/feedback.jsonl';
const events = makeSampleFeedback();
await writeFile(target, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
console.log(`${target}: ${events.length} events`);
