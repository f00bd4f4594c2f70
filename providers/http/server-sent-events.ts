import { readLines } from './lines.js';

export interface ServerSentEvent {
  /** `message` when the server names none. */
  event: string;
  data: string;
}

/**
 * The events of a `text/event-stream` body (WHATWG HTML §9.2.6): comments and unknown fields are skipped, several `data`
 * lines are joined by newlines. An event without its closing blank line is dropped, as the standard says.
 */
export async function* serverSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  let event = '';
  let data: string[] = [];
  for await (const line of readLines(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { event: event === '' ? 'message' : event, data: data.join('\n') };
      event = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
  }
}
