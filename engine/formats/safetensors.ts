import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRatchetError } from '../../config/errors.js';
import type { HostTensor } from '../api.js';
import { writeAtomic } from './atomic-write.js';
import { diskError } from './disk-error.js';
import { fromBFloat16, fromFloat16 } from './half.js';
import { invalidModel, parseSafetensorsHeader, type TensorEntry } from './safetensors-header.js';

export { toFloat16 } from './half.js';

/** The reference implementation's limit on the header. */
const LARGEST_HEADER = 100_000_000;
const LARGEST_READ = 1 << 30;

export interface ReadOptions {
  /** Widen F16 to float32 (default true). BF16 is always widened: a {@link HostTensor} cannot hold it. */
  widen?: boolean;
  /** Read only the tensors this returns true for; all are checked. */
  filter?: (name: string) => boolean;
  /** What is kept of a tensor; asked right after it was read, before the next one is. */
  convert?: ((name: string, tensor: HostTensor) => HostTensor) | undefined;
}

/** Whether two tensors are of one type and shape and the same to the bit. */
export function isSameTensor(a: HostTensor, b: HostTensor): boolean {
  const bytes = ({ data }: HostTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return a.dtype === b.dtype && a.shape.join() === b.shape.join() && bytes(a).equals(bytes(b));
}

export interface TensorFile {
  tensors: Map<string, HostTensor>;
  metadata: Record<string, string>;
}

async function readExactly(file: string, handle: FileHandle, position: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(LARGEST_READ, length - at), position + at);
    if (bytesRead === 0) throw invalidModel(file, `the file ended after ${position + at} bytes while it was read.`);
    at += bytesRead;
  }
  return bytes.buffer;
}

function toHostTensor(file: string, entry: TensorEntry, bytes: ArrayBuffer, widen: boolean): HostTensor {
  const { shape } = entry;
  switch (entry.dtype) {
    case 'F32':
      return { dtype: 'float32', shape, data: new Float32Array(bytes) };
    case 'F16': {
      const bits = new Uint16Array(bytes);
      return widen ? { dtype: 'float32', shape, data: fromFloat16(bits) } : { dtype: 'float16', shape, data: bits };
    }
    case 'BF16':
      return { dtype: 'float32', shape, data: fromBFloat16(new Uint16Array(bytes)) };
    case 'I64':
      return { dtype: 'int64', shape, data: new BigInt64Array(bytes) };
    case 'I32':
      return { dtype: 'int32', shape, data: new Int32Array(bytes) };
    case 'U8':
      return { dtype: 'uint8', shape, data: new Uint8Array(bytes) };
    case 'BOOL': {
      const data = new Uint8Array(bytes);
      if (data.some((value) => value > 1))
        throw invalidModel(file, `tensor "${entry.name}" holds booleans other than 0 and 1.`);
      return { dtype: 'bool', shape, data };
    }
  }
}

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors) as hostile input. Each tensor has its own
 * buffer, so dropping one frees its memory.
 *
 * @throws RatchetError `E_MODEL_INVALID` naming file and tensor, `E_NOT_FOUND`, `E_DATA_FOLDER`
 */
export async function readSafetensors(path: string, options: ReadOptions = {}): Promise<TensorFile> {
  const { widen = true, filter, convert } = options;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const status = await handle.stat();
    if (!status.isFile()) throw invalidModel(path, 'this is not a file.');
    if (status.size < 8) throw invalidModel(path, `${status.size} bytes are too few for a safetensors file.`);
    const length = new DataView(await readExactly(path, handle, 0, 8)).getBigUint64(0, true);
    if (length > BigInt(LARGEST_HEADER))
      throw invalidModel(path, `a header of ${length} bytes is larger than the format allows.`);
    const headerBytes = Number(length);
    const dataStart = 8 + headerBytes;
    if (dataStart > status.size) {
      throw invalidModel(path, `the header should have ${headerBytes} bytes, but the file has only ${status.size}.`);
    }
    const header = new Uint8Array(await readExactly(path, handle, 8, headerBytes));
    const { metadata, entries } = parseSafetensorsHeader(path, header, status.size - dataStart);
    const tensors = new Map<string, HostTensor>();
    for (const entry of entries) {
      if (filter && !filter(entry.name)) continue;
      const bytes = await readExactly(path, handle, dataStart + entry.begin, entry.end - entry.begin);
      const tensor = toHostTensor(path, entry, bytes, widen);
      tensors.set(entry.name, convert ? convert(entry.name, tensor) : tensor);
    }
    return { tensors, metadata };
  } catch (error) {
    throw isRatchetError(error) ? error : diskError(error, `reading ${path}`);
  } finally {
    await handle?.close();
  }
}

interface ShardIndex {
  weight_map: Record<string, string>;
}

function parseShardIndex(path: string, text: string): ShardIndex {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw invalidModel(path, `not valid JSON (${(error as Error).message}).`);
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw invalidModel(path, 'it has no weight_map.');
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$/.test(shard)) {
      throw invalidModel(
        path,
        `tensor "${name}" points to ${JSON.stringify(shard)}, which is not a file name in this folder.`,
      );
    }
  }
  return { weight_map: map as Record<string, string> };
}

/**
 * Reads the weights of a model folder: `model.safetensors`, or the shards named by `model.safetensors.index.json`.
 * A shard outside the folder is refused, as is an index that disagrees with its shards.
 *
 * @throws RatchetError `E_MODEL_INVALID`, `E_NOT_FOUND`
 */
export async function readModelTensors(folder: string, options: ReadOptions = {}): Promise<TensorFile> {
  const indexPath = join(folder, 'model.safetensors.index.json');
  const text = await readFile(indexPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw diskError(error, `reading ${indexPath}`);
  });
  if (text === null) return readSafetensors(join(folder, 'model.safetensors'), options);
  const { weight_map: map } = parseShardIndex(indexPath, text);
  const tensors = new Map<string, HostTensor>();
  let metadata: Record<string, string> = {};
  for (const shard of [...new Set(Object.values(map))].sort()) {
    const part = await readSafetensors(join(dirname(indexPath), shard), options);
    metadata = { ...metadata, ...part.metadata };
    for (const [name, tensor] of part.tensors) {
      if (map[name] !== shard)
        throw invalidModel(indexPath, `tensor "${name}" is in ${shard}, but the index does not say so.`);
      tensors.set(name, tensor);
    }
  }
  for (const name of Object.keys(map)) {
    const wanted = options.filter === undefined || options.filter(name);
    if (wanted && !tensors.has(name)) throw invalidModel(indexPath, `tensor "${name}" is missing from ${map[name]}.`);
  }
  return { tensors, metadata };
}

/** Name of the type in the file, and its rank: the reference implementation writes larger types first. */
const WRITTEN = {
  int64: ['I64', 0],
  float32: ['F32', 1],
  int32: ['I32', 2],
  float16: ['F16', 3],
  uint8: ['U8', 4],
  bool: ['BOOL', 5],
} as const satisfies Record<HostTensor['dtype'], readonly [string, number]>;

/** The bytes of a safetensors file; the same tensors give the same bytes whatever the order of the map. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata?: Record<string, string>,
): Uint8Array[] {
  const order = [...tensors].sort(
    ([a, x], [b, y]) =>
      WRITTEN[x.dtype][1] - WRITTEN[y.dtype][1] || (Buffer.compare(Buffer.from(a), Buffer.from(b)) as number),
  );
  const header: [string, unknown][] = [];
  if (metadata && Object.keys(metadata).length > 0) {
    header.push(['__metadata__', Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))]);
  }
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of order) {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements !== data.length)
      throw new RangeError(`tensor "${name}": shape [${shape.join(', ')}] does not hold ${data.length} elements`);
    header.push([name, { dtype: WRITTEN[dtype][0], shape, data_offsets: [offset, offset + data.byteLength] }]);
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  // Written by hand: an object would put names that look like integers first.
  const json = `{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = Buffer.from(json);
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, 0x20);
  padded.writeBigUInt64LE(BigInt(padded.length - 8), 0);
  text.copy(padded, 8);
  return [padded, ...chunks];
}

/**
 * Writes a safetensors file atomically, with the bytes the reference implementation writes: larger types first, then
 * by name, the header padded to 8 bytes. Save float16 by passing {@link toFloat16} data with dtype `float16`.
 *
 * @throws RatchetError `E_DISK_FULL`, `E_DATA_FOLDER`
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Record<string, string> = { format: 'pt' },
): Promise<void> {
  await writeAtomic(path, encodeSafetensors(tensors, metadata));
}
