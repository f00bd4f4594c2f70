import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { demoRunFile, packageRoot } from '../../../apps/cli/package-root.js';
import { configKeys } from '../../../config/keys.js';
import { loadConfig } from '../../../config/load.js';
import { LoopConfig } from '../../../config/loop.js';

interface Service {
  image: string;
  build?: { context: string; dockerfile: string };
  entrypoint?: string[];
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: string[] | Record<string, { condition: string }>;
  deploy?: { resources: { reservations: { devices: { device_ids: string[] }[] } } };
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const inRoot = (...parts: string[]) => path.join(root, ...parts);
const compose = parse(readFileSync(inRoot('deploy/docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith('ratchet'));
/** `${NAME:-default}` as compose resolves it without the variable. */
const resolved = (value: string) => value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');

it('has Temporal on PostgreSQL, a bucket, one store, a cpu worker and two gpu workers on GPUs of their own', () => {
  expect(Object.keys(compose.services)).toEqual(
    expect.arrayContaining([
      'temporal',
      'postgresql',
      'minio',
      'store-worker',
      'cpu-worker',
      'gpu-worker-1',
      'gpu-worker-2',
    ]),
  );
  const devices = services.flatMap(([, { deploy }]) => deploy?.resources.reservations.devices ?? []);
  expect(devices.map(({ device_ids: ids }) => ids)).toEqual([['0'], ['1']]);
});

it.each(ours)('%s runs a program that there is, with settings that there are', async (_name, service) => {
  const [script] = [...(service.entrypoint?.slice(1) ?? []), ...(service.command ?? [])];
  expect(existsSync(inRoot(script!.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(true);
  expect(existsSync(inRoot('deploy', service.build!.context, service.build!.dockerfile))).toBe(true);
  const env = Object.fromEntries(
    Object.entries(service.environment ?? {}).map(([name, value]) => [name, resolved(value)]),
  );
  const known = configKeys().map(({ variable }) => variable);
  const unknown = Object.keys(env).filter((name) => name.startsWith('RATCHET_') && !known.includes(name));
  expect(unknown).toEqual([]);
  const { config } = await loadConfig({ env: { ...env, RATCHET_CONFIG: '' } });
  expect(config.connection.address).toBe('temporal:7233');
  expect(config.storage).toMatchObject({ kind: 's3', s3: { bucket: 'ratchet', pathStyle: true } });
});

it('gives every worker a disk of its own, and refers to nothing that is not there', () => {
  const workers = ours.filter(([name]) => name.endsWith('-worker') || name.startsWith('gpu-worker'));
  const disks = workers.map(([, { volumes }]) => volumes![0]);
  expect(new Set(disks).size).toBe(workers.length);
  for (const [, { volumes = [], depends_on: needs = [] }] of services) {
    for (const volume of volumes) {
      const [source] = volume.split(':') as [string];
      expect(source.startsWith('.') ? existsSync(inRoot('deploy', source)) : source in compose.volumes).toBe(true);
    }
    for (const name of Array.isArray(needs) ? needs : Object.keys(needs)) expect(compose.services).toHaveProperty(name);
  }
});

it('gives the command line the disk of the cpu worker, which reads the feedback files that it lays there', () => {
  expect(compose.services['ratchet']!.volumes).toEqual(compose.services['cpu-worker']!.volumes);
});

it('puts into the image what its commands read', () => {
  const dockerfile = readFileSync(inRoot('deploy/Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY --from=build \/ratchet\/(\S+) \.\/(\S*)$/gm)];
  for (const [, from, to] of copied) {
    expect(to === '' || to === from).toBe(true);
    expect(from === 'node_modules' || from === 'dist' || existsSync(inRoot(from!))).toBe(true);
  }
  const read = [
    demoRunFile(),
    path.join(packageRoot(), 'bench/claims/prereg.json'),
    inRoot(LoopConfig.parse({}).model),
  ];
  for (const file of read) expect(copied.some(([, from]) => `${file}/`.startsWith(`${inRoot(from!)}/`))).toBe(true);
});

it('builds an image from files that there are', () => {
  const dockerfile = readFileSync(inRoot('deploy/Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files]) => files!.split(' '));
  expect(copied.length).toBeGreaterThan(0);
  for (const file of copied) expect(existsSync(inRoot(file))).toBe(true);
});
