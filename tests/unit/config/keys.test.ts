import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isMap, parseDocument, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { RatchetError } from '../../../config/errors.js';
import { canonicalJson } from '../../../config/hash.js';
import { accepts, configJsonSchema, configKeys } from '../../../config/keys.js';

const keys = configKeys();

describe('keys', () => {
  it('every key has a description', () => {
    expect(keys.filter((key) => key.description === '').map((key) => key.path)).toEqual([]);
  });

  it('every key has an environment variable of its own', () => {
    const variables = keys.flatMap((key) => key.variable ?? []);
    expect(new Set(variables).size).toBe(variables.length);
    expect(variables).toContain('RATCHET_LOOP_MIN_FEEDBACK');
    expect(variables).toContain('RATCHET_DATA_FOLDER');
  });

  it('says what a key accepts', () => {
    const of = (path: string) => keys.find((key) => key.path === path)?.accepts;
    expect(
      ['loop.strategy', 'loop.seed', 'loop.reward.timeDecayRate', 'loop.training.targetModules', 'schedules'].map(of),
    ).toEqual([
      '"lora", "qlora" or "full"',
      'integer ≥ 0',
      'number > 0 and ≤ 1',
      '"auto", "all-linear" or list of text',
      'list of map',
    ]);
    expect(accepts({})).toBe('any value');
  });

  it('temporal.yaml shows every key with a comment and points editors at the schema', () => {
    const text = readFileSync('temporal.yaml', 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/config\/temporal\.schema\.json\n/);
    const written: string[] = [];
    const uncommented: string[] = [];
    const walk = (map: YAMLMap, prefix: string) => {
      for (const pair of map.items as Pair<Scalar<string>, unknown>[]) {
        const path = `${prefix}${pair.key.value}`;
        written.push(path);
        const above = text.slice(0, pair.key.range?.[0]).split('\n').at(-2) ?? '';
        if (!above.trim().startsWith('# ')) uncommented.push(path);
        if (isMap(pair.value) && keys.some((key) => key.path === path && key.section)) walk(pair.value, `${path}.`);
      }
    };
    walk(parseDocument(text).contents as YAMLMap, '');
    const shown = keys
      .map((key) => key.path)
      .filter((path) => !/^loop\.(simulatedUsers|augmentation\.provider)|\[\]/.test(path));
    expect(written.sort()).toEqual(shown.sort());
    expect(uncommented).toEqual([]);
    for (const name of [
      'simulatedUsers',
      'requests',
      'wrongLabels',
      'testSpecifications',
      'artifactTypes',
      'provider',
      'catchUpWindowSeconds',
      'paused',
    ])
      expect(text).toMatch(new RegExp(`# .*\\b${name}:`));
  });

  it('the JSON schema refuses unknown keys at every level', () => {
    const open: string[] = [];
    const walk = (node: ReturnType<typeof configJsonSchema>, path: string) => {
      if (node.properties !== undefined && node.additionalProperties !== false) open.push(path);
      for (const [name, child] of Object.entries(node.properties ?? {})) walk(child as never, `${path}.${name}`);
      if (node.items !== undefined) walk(node.items as never, `${path}[]`);
    };
    walk(configJsonSchema(), '');
    expect(open).toEqual([]);
    expect(JSON.parse(readFileSync('config/temporal.schema.json', 'utf8'))).toEqual({
      title: 'Ratchet configuration',
      ...configJsonSchema(),
    });
  });
});

describe('canonical JSON', () => {
  it('sorts keys, drops absent members and keeps lists in order', () => {
    expect(canonicalJson({ b: [2, 1, undefined], a: { d: undefined, c: -0, é: 'ü' } })).toBe(
      '{"a":{"c":0,"é":"ü"},"b":[2,1,null]}',
    );
  });

  it('refuses what JSON cannot say', () => {
    for (const value of [Number.NaN, Infinity, 1n, () => 1, Symbol('s')])
      expect(() => canonicalJson({ value })).toThrow(RatchetError);
  });
});
