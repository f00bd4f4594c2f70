import { RatchetError } from '../../config/errors.js';

/** One object inside tokenizer.json, read field by field; faults name the path of the field. */
export class JsonPart {
  constructor(
    readonly value: Record<string, unknown>,
    readonly path: string,
  ) {}

  static from(value: unknown, path: string): JsonPart {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(path, 'is not an object');
    return new JsonPart(value as Record<string, unknown>, path);
  }

  get type(): string {
    return this.text('type');
  }

  has(name: string): boolean {
    return this.value[name] !== undefined && this.value[name] !== null;
  }

  part(name: string): JsonPart {
    return JsonPart.from(this.value[name], `${this.path}.${name}`);
  }

  parts(name: string): JsonPart[] {
    return this.list(name).map((item, index) => JsonPart.from(item, `${this.path}.${name}[${index}]`));
  }

  list(name: string): unknown[] {
    const value = this.value[name];
    if (!Array.isArray(value)) throw invalid(`${this.path}.${name}`, 'is not a list');
    return value as unknown[];
  }

  text(name: string, fallback?: string): string {
    return this.read(name, fallback, (value) => typeof value === 'string', 'a text');
  }

  /** One code point, Rust's `char`. */
  character(name: string): string {
    return this.read<string>(
      name,
      undefined,
      (value) => typeof value === 'string' && [...value].length === 1,
      'one character',
    );
  }

  flag(name: string, fallback?: boolean): boolean {
    return this.read(name, fallback, (value) => typeof value === 'boolean', 'true or false');
  }

  integer(name: string, fallback?: number): number {
    return this.read(name, fallback, (value) => Number.isSafeInteger(value), 'an integer');
  }

  /** The fault of a part whose `type` this engine does not have. */
  unsupported(kind: string): RatchetError {
    return invalid(this.path, `is of type ${this.type}, a ${kind} that is not supported`);
  }

  private read<T>(name: string, fallback: T | undefined, accepts: (value: unknown) => boolean, wanted: string): T {
    const value = this.value[name] ?? fallback;
    if (!accepts(value)) throw invalid(`${this.path}.${name}`, `is not ${wanted}`);
    return value as T;
  }
}

export function invalid(path: string, what: string): RatchetError {
  return new RatchetError('E_MODEL_INVALID', `${path} ${what}.`, {
    hint: 'Copy the tokenizer files of the model again; they must be those of Hugging Face tokenizers.',
  });
}
