import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { RatchetError } from './errors.js';
import { configHash } from './hash.js';
import { accepts, configJsonSchema, configKeys, type ConfigKey, type SchemaNode } from './keys.js';
import {
  environmentLayer,
  fileLayer,
  flagLayer,
  isTree,
  merge,
  valueAt,
  type ConfigFault,
  type Layer,
  type Path,
  type Tree,
} from './layers.js';
import { PRESETS } from './presets.js';
import { RatchetConfig } from './schema.js';

export type { ConfigFault } from './layers.js';

export interface LoadOptions {
  /** Path of `temporal.yaml`; without it `RATCHET_CONFIG`, then `temporal.yaml` in the current folder if there is one. */
  file?: string;
  /** A second file of the same schema for one run; overrides `temporal.yaml`. */
  runFile?: string;
  /** Flags: a nested object, dotted keys (`{'loop.seed': '3'}`), or both; undefined and null members are ignored. */
  overrides?: object;
  /** Defaults to `process.env`. */
  env?: Record<string, string | undefined>;
}

export interface LoadedConfig {
  config: RatchetConfig;
  /** SHA-256 (hex) of the canonical JSON of `config`. */
  hash: string;
  /** Dotted key → where its value came from: `default`, a file name, a variable name or `flag`. */
  sources: Record<string, string>;
  /** `config.dataFolder` as an absolute path, resolved against the file that names it (else the current folder). */
  dataFolder: string;
}

/**
 * Resolves the configuration: defaults < temporal.yaml < run file < environment < flags.
 *
 * Throws E_CONFIG_INVALID with every fault of every source, each with file, line and column
 * (`temporal.yaml:12:5 loop.selection.budget: must be …`), and the list as `cause.faults`;
 * E_NOT_FOUND when a named file does not exist.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const env = options.env ?? process.env;
  const keys = configKeys();
  const named = options.file ?? (env.RATCHET_CONFIG === '' ? undefined : env.RATCHET_CONFIG);
  const file = named ?? (existsSync('temporal.yaml') ? 'temporal.yaml' : undefined);
  const layers: Layer[] = [];
  if (file !== undefined) layers.push(await fileLayer(file));
  if (options.runFile !== undefined) layers.push(await fileLayer(options.runFile));
  layers.push(environmentLayer(env, keys, suggestion), flagLayer((options.overrides ?? {}) as Tree, keys));

  // A preset stands where it is named: over what lower sources write, under its own source and those above.
  const naming = layers.findLastIndex((layer) => valueAt(layer.values, ['loop', 'preset']) !== undefined);
  if (naming >= 0 && valueAt(layers[naming]!.values, ['loop', 'preset']) === 'v1')
    layers.splice(naming, 0, presetLayer('v1'));
  const merged = layers.reduce<Tree>((tree, layer) => merge(tree, layer.values), {});
  const result = RatchetConfig.safeParse(merged);
  const faults = [
    ...layers.flatMap((layer, order) => layer.faults.map((found) => ({ ...found, order }))),
    ...(result.error?.issues ?? []).flatMap((issue) => issueFaults(issue, merged, layers, keys)),
  ];
  if (faults.length > 0 || !result.success) throw invalid(faults);

  const sources = Object.fromEntries(
    keys
      .filter((key) => !key.section && !key.path.includes('[]'))
      .map((key) => {
        const path = key.path.split('.');
        return [key.path, originOf(path, layers)?.name(path) ?? 'default'];
      }),
  );
  const folder = originOf(['dataFolder'], layers)?.folder ?? process.cwd();
  return {
    config: result.data,
    hash: configHash(result.data),
    sources,
    dataFolder: resolve(folder, result.data.dataFolder),
  };
}

type OrderedFault = ConfigFault & { order: number };

function invalid(faults: OrderedFault[]): RatchetError {
  const sorted = faults.sort((a, b) => a.order - b.order || a.line - b.line || a.column - b.column);
  const lines = sorted.map(({ where, path, message }) => {
    const redundant = path === '' || where.endsWith(` ${path}`);
    return `  ${redundant ? where : `${where} ${path}`}: ${message}`;
  });
  const count = sorted.length === 1 ? '1 fault' : `${sorted.length} faults`;
  return new RatchetError('E_CONFIG_INVALID', `${count} in the configuration:\n${lines.join('\n')}`, {
    hint: 'Correct these keys; every key is described in docs/configuration.md.',
    cause: { faults: sorted.map(({ where, path, message }) => ({ where, path, message })) },
  });
}

/** The settings that a preset stands for. */
function presetLayer(name: 'v1'): Layer {
  const label = `preset ${name}`;
  return {
    name: () => label,
    values: { loop: PRESETS[name] },
    locate: () => ({ where: label, line: 0, column: 0 }),
    folder: process.cwd(),
    faults: [],
  };
}

/** The topmost layer that writes a path. */
function originOf(path: Path, layers: Layer[]): Layer | undefined {
  return layers.findLast((layer) => valueAt(layer.values, path) !== undefined);
}

function issueFaults(issue: z.core.$ZodIssue, merged: Tree, layers: Layer[], keys: ConfigKey[]): OrderedFault[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const siblings = Object.keys(nodeAt(path)?.properties ?? {});
      return fault([...path, key], `unknown key${hintForUnknown(key, siblings, keys)}`, layers);
    });
  if (issue.code === 'invalid_key') return [fault(path, 'is not a valid name here', layers)];
  const value = valueAt(merged, path);
  if (value === undefined && issue.code === 'invalid_type') return [fault(path, 'is required', layers)];
  if (issue.code === 'custom' || issue.code === 'invalid_format') return [fault(path, issue.message, layers)];
  const node = nodeAt(path);
  return [
    fault(path, node === undefined ? issue.message : `must be ${accepts(node)}, got ${show(value, node)}`, layers),
  ];
}

function fault(path: Path, message: string, layers: Layer[]): OrderedFault {
  // A missing key or a rule over several keys is reported where its section is written.
  for (let length = path.length; length > 0; length -= 1) {
    const order = layers.findLastIndex((layer) => valueAt(layer.values, path.slice(0, length)) !== undefined);
    const layer = layers[order];
    if (layer !== undefined) return { ...layer.locate(path.slice(0, length)), path: dotted(path), message, order };
  }
  return { where: 'configuration', path: dotted(path), message, line: 0, column: 0, order: layers.length };
}

function dotted(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`))
    .join('');
}

function nodeAt(path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = configJsonSchema();
  for (const step of path) {
    if (typeof step === 'number') node = node?.items;
    else if (node?.properties !== undefined) node = node.properties[step];
    else node = typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined;
  }
  return node;
}

function hintForUnknown(key: string, siblings: string[], keys: ConfigKey[]): string {
  const near = suggestion(key, siblings);
  if (near !== '') return near;
  const namesakes = keys.filter((known) => known.path.split('.').at(-1) === key);
  const settings = namesakes.filter((known) => !known.section);
  const elsewhere = (settings.length > 0 ? settings : namesakes).map((known) => known.path);
  return elsewhere.length > 0 ? `; it belongs at ${elsewhere.join(' or ')}` : `; known here: ${siblings.join(', ')}`;
}

/** `; did you mean "x"?` when a known name is at most two edits or a third of its length away, else nothing. */
function suggestion(wrong: string, known: string[]): string {
  const ranked = known
    .map((name) => ({ name, edits: distance(wrong.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(2, Math.floor(best.name.length / 3))
    ? `; did you mean "${best.name}"?`
    : '';
}

function show(value: unknown, node: SchemaNode): string {
  if (Array.isArray(value)) return 'a list';
  if (isTree(value)) return 'a map';
  if (typeof value !== 'string') return String(value);
  const text = JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if ((node.type === 'number' || node.type === 'integer') && value.trim() !== '' && Number.isFinite(Number(value)))
    return `the text ${text}; remove the quotes`;
  if (node.type === 'boolean' && /^(yes|no|on|off|y|n)$/i.test(value)) return `the text ${text}; write true or false`;
  const options = (node.enum ?? []).filter((option) => typeof option === 'string');
  return `the text ${text}${suggestion(value, options)}`;
}
