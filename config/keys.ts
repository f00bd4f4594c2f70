import { z } from 'zod';
import { RatchetConfig } from './schema.js';

/** The parts of a JSON schema node this project reads. */
export interface SchemaNode {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: SchemaNode[];
  items?: SchemaNode;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  additionalProperties?: boolean | SchemaNode;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** One key that a configuration file may hold. */
export interface ConfigKey {
  /** Dotted path; `[]` stands for the items of a list. */
  path: string;
  /** Human form of the accepted values: `integer ≥ 1`, `"lora" or "full"`. */
  accepts: string;
  description: string;
  /** Resolved default; undefined where the key is absent unless written. */
  default: unknown;
  section: boolean;
  schema: SchemaNode;
  /** Environment variable that overrides it; undefined for list items and whole sections. */
  variable: string | undefined;
}

/** The JSON schema (draft 7) that editors use to complete and check `temporal.yaml`. */
export function configJsonSchema(): SchemaNode & Record<string, unknown> {
  return z.toJSONSchema(RatchetConfig, { io: 'input', target: 'draft-7' }) as SchemaNode & Record<string, unknown>;
}

/** Every key of the configuration in the order of the schema, sections before their members. */
export function configKeys(): ConfigKey[] {
  return children(configJsonSchema(), '', RatchetConfig.parse({}));
}

function children(parent: SchemaNode, prefix: string, defaults: unknown): ConfigKey[] {
  return Object.entries(parent.properties ?? {}).flatMap(([name, schema]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const value = (defaults as Record<string, unknown> | undefined)?.[name];
    const section = schema.properties !== undefined;
    const key: ConfigKey = {
      path,
      accepts: accepts(schema),
      description: schema.description ?? '',
      default: value ?? (section ? undefined : schema.default),
      section,
      schema,
      variable: section || path.includes('[]') ? undefined : variableName(path),
    };
    const items = schema.items?.properties === undefined ? [] : children(schema.items, `${path}[]`, undefined);
    return [key, ...children(schema, path, value), ...items];
  });
}

/** `loop.minFeedback` → `RATCHET_LOOP_MIN_FEEDBACK`. */
function variableName(path: string): string {
  return `RATCHET_${path
    .replaceAll('.', '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
}

/** Human form of what a schema node accepts. */
export function accepts(node: SchemaNode): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return alternatives(node.enum.map((value) => JSON.stringify(value)));
  if (node.anyOf !== undefined) return alternatives(node.anyOf.map(accepts));
  if (node.type === 'array')
    return `list of ${node.items?.properties === undefined ? accepts(node.items ?? {}) : 'map'}`;
  if (node.type === 'object') return node.properties === undefined ? 'map' : 'section';
  if (node.type === 'integer' || node.type === 'number') {
    const bounds = [
      node.minimum === undefined || node.minimum === Number.MIN_SAFE_INTEGER ? '' : `≥ ${node.minimum}`,
      node.exclusiveMinimum === undefined ? '' : `> ${node.exclusiveMinimum}`,
      node.maximum === undefined || node.maximum === Number.MAX_SAFE_INTEGER ? '' : `≤ ${node.maximum}`,
      node.exclusiveMaximum === undefined ? '' : `< ${node.exclusiveMaximum}`,
    ].filter((bound) => bound !== '');
    return [node.type, bounds.join(' and ')].join(' ').trim();
  }
  if (node.type === 'string') return 'text';
  return node.type ?? 'any value';
}

function alternatives(values: string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
