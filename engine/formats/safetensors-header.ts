import { RatchetError } from '../../config/errors.js';

/** Bytes of one element, by the name the format gives the type. */
export const SUPPORTED_DTYPES = { F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1, BOOL: 1 } as const;
export type SafetensorsDtype = keyof typeof SUPPORTED_DTYPES;

/** Types of the format that this engine has no use for; named so that the message can say so. */
const REFUSED_DTYPES = new Set(['F64', 'U64', 'U32', 'I16', 'U16', 'I8', 'C64', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0']);

export interface TensorEntry {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  /** First byte and one past the last, counted from the end of the header. */
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  metadata: Record<string, string>;
  /** In the order of their bytes. */
  entries: TensorEntry[];
}

const HINT = 'The file is damaged or not what it claims to be: download or export it again.';

/** The fault of a model file: always names the file. */
export function invalidModel(file: string, problem: string): RatchetError {
  return new RatchetError('E_MODEL_INVALID', `${file}: ${problem}`, { hint: HINT });
}

function show(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}

/** The first key that occurs twice in one object of a text that `JSON.parse` has accepted; undefined if none does. */
function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      let end = at + 1;
      while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
      let next = end + 1;
      while (json[next] === ' ' || json[next] === '\n' || json[next] === '\t' || json[next] === '\r') next++;
      const keys = open.at(-1);
      if (json[next] === ':' && keys) {
        const key = JSON.parse(json.slice(at, end + 1)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end;
    }
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseEntry(file: string, name: string, value: unknown): TensorEntry {
  const fail = (problem: string): RatchetError => invalidModel(file, `tensor ${show(name)}: ${problem}`);
  if (!isRecord(value)) throw fail('its entry is not an object.');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw fail('it has no dtype.');
  if (!Object.hasOwn(SUPPORTED_DTYPES, dtype)) {
    const known = Object.keys(SUPPORTED_DTYPES).join(', ');
    throw fail(
      `its type ${show(dtype)} is ${REFUSED_DTYPES.has(dtype) ? 'not supported' : 'unknown'}; supported are ${known}.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) throw fail('its shape is not a list of sizes.');
  if (shape.length > 32) throw fail(`it has ${shape.length} dimensions.`);
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (elements > Number.MAX_SAFE_INTEGER / 8) throw fail(`its shape [${shape.join(', ')}] overflows.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw fail('its data_offsets are not two sizes.');
  const [begin, end] = offsets as [number, number];
  const bytes = elements * SUPPORTED_DTYPES[dtype as SafetensorsDtype];
  if (end < begin || end - begin !== bytes) {
    throw fail(
      `its shape [${shape.join(', ')}] needs ${bytes} bytes, but its data_offsets [${begin}, ${end}] hold ${end - begin}.`,
    );
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, begin, end };
}

function parseMetadata(file: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw invalidModel(file, '__metadata__ is not a map from string to string.');
  }
  return { ...(value as Record<string, string>) };
}

/**
 * Checks a header as hostile input: valid JSON without duplicate names, known types, sizes that do not overflow, and
 * byte ranges that cover the data exactly, without hole or overlap.
 *
 * @param dataBytes bytes of the file after the header
 * @throws RatchetError `E_MODEL_INVALID` naming file and tensor
 */
export function parseSafetensorsHeader(file: string, bytes: Uint8Array, dataBytes: number): SafetensorsHeader {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalidModel(file, `the header is not valid JSON (${(error as Error).message}).`);
  }
  if (!isRecord(parsed) || text[0] !== '{') throw invalidModel(file, 'the header is not a JSON object.');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw invalidModel(file, `the header names ${show(twice)} twice.`);
  const metadata = parseMetadata(file, Object.hasOwn(parsed, '__metadata__') ? parsed['__metadata__'] : undefined);
  const entries = Object.entries(parsed)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(file, name, value))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const entry of entries) {
    const problem = entry.begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
    if (entry.begin !== covered)
      throw invalidModel(file, `tensor ${show(entry.name)} ${problem} (byte ${entry.begin}, expected ${covered}).`);
    if (entry.end > dataBytes) {
      throw invalidModel(
        file,
        `tensor ${show(entry.name)} ends at byte ${entry.end}, but the file holds only ${dataBytes} bytes of data.`,
      );
    }
    covered = entry.end;
  }
  if (covered !== dataBytes)
    throw invalidModel(file, `${dataBytes - covered} bytes after the last tensor belong to none.`);
  return { metadata, entries };
}
