import { brokenAnswer } from '../fault.js';

/** Longest line of a stream, UTF-16 units: one piece of an answer is far shorter. */
const MAXIMUM_LINE = 1_000_000;

/**
 * The lines of a byte stream in UTF-8, without their ends (LF, CRLF or CR), however the bytes are cut into chunks. What
 * follows the last line end is a line too, unless it is empty.
 *
 * @throws ProviderFault on bytes that are no UTF-8 and on a line beyond all measure
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Uint8Array) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw brokenAnswer('the answer is not UTF-8', error);
    }
  };
  let rest = '';
  // A CR at the end of a chunk may be half of a CRLF.
  let carriage = '';
  for await (const chunk of chunks) {
    const text = carriage + decode(chunk);
    carriage = text.endsWith('\r') ? '\r' : '';
    // Only what is new is searched: a long line may come in many chunks.
    const lines = text.slice(0, text.length - carriage.length).split(/\r\n|\n|\r/);
    lines[0] = rest + lines[0]!;
    rest = lines.pop()!;
    yield* lines;
    if (rest.length > MAXIMUM_LINE)
      throw brokenAnswer(`a line of the answer is longer than ${MAXIMUM_LINE} characters`);
  }
  rest += decode();
  if (rest !== '' || carriage !== '') yield rest;
}

/** One line or event of a stream as JSON. @throws ProviderFault when it is none, or no object */
export function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw brokenAnswer(`the answer has malformed JSON (${text.slice(0, 80)})`, error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw brokenAnswer(`the answer has ${text.slice(0, 80)} where an object belongs`);
}
