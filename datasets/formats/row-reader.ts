import type { ExampleMessage } from './training-example.js';

/** Stops the reading of one row: which field is wrong, and why. */
export class RowFault extends Error {
  constructor(
    readonly field: string,
    readonly reason: string,
  ) {
    super(`${field}: ${reason}`);
  }
}

/** Typed access to the fields of a row. Each method throws {@link RowFault} for a field of another type. */
export class RowReader {
  constructor(
    readonly row: Readonly<Record<string, unknown>>,
    private readonly path = '',
  ) {}

  /** A text; `absent` allows null and a missing field, which read as ''. */
  text(name: string, { absent = false, filled = false } = {}): string {
    const value = this.row[name];
    if (absent && (value === undefined || value === null)) return '';
    if (value === undefined) throw this.fault(name, 'is missing');
    return checkText(value, this.path + name, filled);
  }

  /** A text that has something in it besides white space. */
  filled(name: string): string {
    return this.text(name, { filled: true });
  }

  /** A list; null and a missing field read as empty when `absent` allows them. */
  list(name: string, { absent = false } = {}): unknown[] {
    const value = this.row[name];
    if (absent && (value === undefined || value === null)) return [];
    if (!Array.isArray(value)) throw this.fault(name, value === undefined ? 'is missing' : 'is not a list');
    return value as unknown[];
  }

  /** The objects of a list. */
  objects(name: string): RowReader[] {
    return this.list(name).map((item, index) => {
      const path = `${this.path}${name}[${index}]`;
      if (typeof item !== 'object' || item === null || Array.isArray(item))
        throw new RowFault(path, 'is not an object');
      return new RowReader(item as Record<string, unknown>, `${path}.`);
    });
  }

  fault(name: string, reason: string): RowFault {
    return new RowFault((this.path + name).replace(/\.$/, ''), reason);
  }
}

export function checkText(value: unknown, field: string, filled = false): string {
  if (typeof value !== 'string') throw new RowFault(field, 'is not a text');
  if (!value.isWellFormed()) throw new RowFault(field, 'holds half of a surrogate pair');
  if (filled && value.trim() === '') throw new RowFault(field, 'is empty');
  return value;
}

/** Refuses a conversation in which nothing is learned. */
export function requireAnswer(messages: readonly ExampleMessage[], field: string): void {
  const learned = messages.some(
    ({ role, weight, content, tool_calls: calls }) =>
      role === 'assistant' && weight !== 0 && (content.trim() !== '' || (calls?.length ?? 0) > 0),
  );
  if (!learned) throw new RowFault(field, 'has no answer of the assistant to learn');
}
