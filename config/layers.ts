import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { isMap, isSeq, LineCounter, parse, parseDocument, type Document } from 'yaml';
import { RatchetError } from './errors.js';
import type { ConfigKey, SchemaNode } from './keys.js';

export type Path = readonly (string | number)[];
export interface Tree {
  [key: string]: unknown;
}

/** One fault of a configuration, with where it was written. */
export interface ConfigFault {
  /** `temporal.yaml:12:5`, the name of an environment variable, or `--set loop.seed`. */
  where: string;
  /** Dotted path of the key; empty for a fault of the file as a whole. */
  path: string;
  message: string;
  /** Sorting position inside the layer. */
  line: number;
  column: number;
}

/** One source of settings; later layers override earlier ones, key by key. */
export interface Layer {
  /** How `sources` names it. */
  name(path: Path): string;
  values: Tree;
  /** Where a path was written. */
  locate(path: Path): { where: string; line: number; column: number };
  /** Folder that relative paths of this layer start from. */
  folder: string;
  faults: ConfigFault[];
}

const MAXIMUM_BYTES = 1_000_000;

/** Parses a YAML file into a layer; syntax faults are collected, not thrown. Throws E_NOT_FOUND or E_CONFIG_INVALID when it cannot be read. */
export async function fileLayer(file: string): Promise<Layer> {
  const shown = displayPath(file);
  const text = await readText(file, shown);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, path = '', message = ''): ConfigFault => {
    const { line, col } = lines.linePos(offset);
    return { where: `${shown}:${line}:${col}`, path, message, line, column: col };
  };
  const faults = document.errors.map((error) => at(error.pos[0], '', error.message.replaceAll(/\s+/g, ' ').trim()));
  let values: Tree = {};
  // A key written twice leaves a sound tree, any other syntax error does not.
  if (document.errors.every((error) => error.code === 'DUPLICATE_KEY')) {
    try {
      const root: unknown = document.toJS();
      if (isTree(root)) values = withoutNulls(root);
      else if (root !== null && root !== undefined) faults.push(at(0, '', 'must be a map of keys to values'));
    } catch (error) {
      faults.push(at(0, '', error instanceof Error ? error.message : String(error)));
    }
  }
  return {
    name: () => shown,
    values,
    locate: (path) => at(offsetOf(document, path)),
    folder: dirname(resolve(file)),
    faults,
  };
}

export const TEMPORAL_VARIABLES: Record<string, string> = {
  TEMPORAL_ADDRESS: 'connection.address',
  TEMPORAL_NAMESPACE: 'connection.namespace',
  TEMPORAL_TLS: 'connection.tls.enabled',
  TEMPORAL_TLS_SERVER_NAME: 'connection.tls.serverName',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'connection.tls.caFile',
  TEMPORAL_TLS_CLIENT_CERT_PATH: 'connection.tls.certificateFile',
  TEMPORAL_TLS_CLIENT_KEY_PATH: 'connection.tls.keyFile',
};

/**
 * Settings of `RATCHET_SECTION_KEY` and Temporal's own variables; a `RATCHET_` one wins. An empty variable counts as unset.
 * A `RATCHET_` variable that starts like a section but names no key is a fault; others (`RATCHET_CONFIG`) are left alone.
 */
export function environmentLayer(
  env: Record<string, string | undefined>,
  keys: ConfigKey[],
  suggest: (wrong: string, known: string[]) => string,
): Layer {
  const variables = new Map<string, string>();
  const names = new Map(keys.flatMap((key) => (key.variable === undefined ? [] : [[key.variable, key] as const])));
  const byPath = new Map(keys.map((key) => [key.path, key]));
  const values: Tree = {};
  const take = (variable: string, key: ConfigKey, text: string) => {
    setPath(values, key.path.split('.'), parseText(text, key.schema));
    variables.set(key.path, variable);
  };
  for (const [variable, path] of Object.entries(TEMPORAL_VARIABLES)) {
    const text = env[variable];
    const key = byPath.get(path);
    if (text !== undefined && text !== '' && key !== undefined) take(variable, key, text);
  }
  const faults: ConfigFault[] = [];
  const sections = keys
    .filter((key) => key.section && !key.path.includes('.'))
    .map((key) => `RATCHET_${key.path.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}_`);
  for (const variable of Object.keys(env).sort()) {
    const text = env[variable];
    const key = names.get(variable);
    if (text === undefined || text === '') continue;
    if (key !== undefined) take(variable, key, text);
    else if (sections.some((section) => variable.startsWith(section))) {
      const message = `names no key of the configuration${suggest(variable, [...names.keys()])}`;
      faults.push({ where: variable, path: '', message, line: 0, column: 0 });
    }
  }
  const name = (path: Path) =>
    variables.get(path.join('.')) ?? variables.get(path.slice(0, -1).join('.')) ?? 'environment';
  return { name, values, locate: (path) => ({ where: name(path), line: 0, column: 0 }), folder: process.cwd(), faults };
}

/** Settings of command line flags: a nested object, or dotted keys (`{'loop.seed': '3'}`), or both. Text is read as the key's type. */
export function flagLayer(overrides: Tree, keys: ConfigKey[]): Layer {
  const values: Tree = {};
  const byPath = new Map(keys.map((key) => [key.path, key]));
  const walk = (tree: Tree, prefix: string[]) => {
    for (const [key, value] of Object.entries(tree)) {
      const path = [...prefix, ...key.split('.')];
      const known = byPath.get(path.join('.'));
      if (value === undefined || value === null) continue;
      if (isTree(value) && Object.keys(value).length > 0 && (known === undefined || known.section)) walk(value, path);
      else
        setPath(
          values,
          path,
          typeof value === 'string' && known !== undefined ? parseText(value, known.schema) : value,
        );
    }
  };
  walk(overrides, []);
  const locate = (path: Path) => ({ where: `--set ${path.join('.')}`, line: 0, column: 0 });
  return { name: () => 'flag', values, locate, folder: process.cwd(), faults: [] };
}

/** Joins two trees, the second winning key by key; lists are replaced as a whole. */
export function merge(under: Tree, over: Tree): Tree {
  const merged = new Map<string, unknown>(Object.entries(under));
  for (const [key, value] of Object.entries(over)) {
    const existing = merged.get(key);
    merged.set(key, isTree(existing) && isTree(value) ? merge(existing, value) : value);
  }
  return Object.fromEntries(merged);
}

/** The value at a path, or undefined. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** True for a map (not a list, not null). */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length > 0 && !isTree(valueAt(tree, [key]))) define(tree, key, {});
  if (rest.length === 0) define(tree, key, value);
  else setPath(valueAt(tree, [key]) as Tree, rest, value);
}

/** Plain assignment would change the prototype when a key is `__proto__`. */
function define(tree: Tree, key: string, value: unknown): void {
  Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true });
}

/** A key with nothing behind it (`schedules:`) means its default. */
function withoutNulls(tree: Tree): Tree {
  const kept = Object.entries(tree).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, isTree(value) ? withoutNulls(value) : value]));
}

/** Text of a variable or flag as the type its key wants; text stays text where the key takes only text. */
function parseText(text: string, schema: SchemaNode): unknown {
  const kinds = schema.anyOf ?? [schema];
  if (kinds.every((kind) => kind.type === 'string')) return text;
  if (schema.type === 'boolean' && /^[01]$/.test(text)) return text === '1';
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Offset of the key (or list item) at a path; of its nearest written ancestor where it is missing. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = isMap(node) || isSeq(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => (item.key as { value?: unknown } | null)?.value === step);
      if (pair === undefined) return offset;
      offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = (node as { range?: [number, number, number] } | undefined)?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function displayPath(file: string): string {
  const shown = relative(process.cwd(), resolve(file));
  return shown.startsWith('..') ? file : shown;
}

async function readText(file: string, shown: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT')
      throw new RatchetError('E_NOT_FOUND', `no configuration file ${shown}`, {
        hint: 'Give the path of an existing file, or leave it out to run on the defaults.',
        cause,
      });
    throw new RatchetError('E_CONFIG_INVALID', `${shown} cannot be read (${code})`, {
      hint: code === 'EISDIR' ? 'Give a file, not a folder.' : 'Check the permissions of the file.',
      cause,
    });
  }
  if (bytes.length > MAXIMUM_BYTES)
    throw new RatchetError('E_CONFIG_INVALID', `${shown} has ${bytes.length} bytes; a configuration has at most 1 MB`, {
      hint: 'Check that the path names a configuration and not a data file.',
    });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new RatchetError('E_CONFIG_INVALID', `${shown} is not valid UTF-8`, {
      hint: 'Save the file in UTF-8.',
      cause,
    });
  }
}
