import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkDevice,
  createEngine,
  selectDevice,
  type DeviceCheck,
  type DeviceName,
  type DeviceRequest,
} from '../../../engine/index.js';
import { executionOf, type Machine } from '../../../engine/devices/index.js';
import { checkTensorflowDevice } from '../../../engine/devices/check-tensorflow-device.js';
import { CompileCache } from '../../../engine/trace/index.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { tinySpec, writeTinyModel } from '../train/tiny-model.js';

/** A machine whose products run at these speeds; devices that are not named are missing. */
const machine = (speeds: Partial<Record<DeviceName, number>>): Machine => ({
  mayHaveGpu: () => true,
  check: (device): Promise<DeviceCheck> => {
    const gigaflops = speeds[device] ?? null;
    const available = gigaflops !== null;
    const detail = available ? `${gigaflops} GFLOP/s` : 'not installed';
    return Promise.resolve({ device, available, gigaflops, detail, fix: available ? null : `Install ${device}.` });
  },
});
const select = async (request: DeviceRequest, speeds: Partial<Record<DeviceName, number>>) => {
  const { device, why } = await selectDevice(request, machine(speeds));
  return { device, why };
};

describe('the device of a run', () => {
  it('T15: is the cpu when useGpu is false, whatever the machine has', async () => {
    expect(await select({ useGpu: false }, { cuda: 9000 })).toEqual({ device: 'cpu', why: 'useGpu is false' });
    expect(await select({ device: 'cpu' }, { cuda: 9000 })).toEqual({ device: 'cpu', why: 'cpu was asked for' });
  });

  it('T15: is a GPU when useGpu is true', async () => {
    expect(await select({ useGpu: true }, { cpu: 50, webgpu: 400 })).toEqual({
      device: 'webgpu',
      why: 'useGpu is true, and webgpu works: 400 GFLOP/s',
    });
  });

  it('T15: useGpu without a GPU is an error that says what was looked for, or the declared fallback', async () => {
    await expect(select({ useGpu: true }, { cpu: 50 })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message:
        'useGpu is true, but no GPU can be used (cuda: not installed; tfjs-node-gpu: not installed; webgpu: not installed).',
      hint: 'Run `ratchet doctor` to see what is missing, set useGpu to false, or allow the cpu with withoutGpu: "cpu".',
    });
    expect(await select({ useGpu: true, withoutGpu: 'cpu' }, { cpu: 50 })).toEqual({
      device: 'cpu',
      why: 'fell back to cpu, no GPU can be used (cuda: not installed; tfjs-node-gpu: not installed; webgpu: not installed)',
    });
  });

  it('asked for by name is never replaced silently', async () => {
    expect(await select({ device: 'tfjs-node' }, { 'tfjs-node': 60 })).toMatchObject({ device: 'tfjs-node' });
    await expect(select({ device: 'cuda' }, { cpu: 50 })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'The device cuda cannot be used: not installed.',
      hint: 'Install cuda. Or set device to auto or cpu.',
    });
    expect(await select({ device: 'cuda', withoutGpu: 'cpu' }, {})).toEqual({
      device: 'cpu',
      why: 'fell back to cpu: cuda: not installed',
    });
  });

  it('auto takes a GPU that is clearly faster than the cpu, and says why', async () => {
    expect(await select({}, { cpu: 50, cuda: 9000, webgpu: 400 })).toEqual({
      device: 'cuda',
      why: 'auto: cuda multiplies 180.0 times as fast as the cpu',
    });
    expect(await select({ device: 'auto' }, { cpu: 50, webgpu: 60 })).toEqual({
      device: 'cpu',
      why: "auto: no GPU is worthwhile (cuda: not installed; tfjs-node-gpu: not installed; webgpu: only 1.2 times the cpu's speed)",
    });
    const none = { ...machine({ cpu: 50 }), mayHaveGpu: () => false };
    expect(await selectDevice({}, none)).toEqual({ device: 'cpu', why: 'auto: this machine has no GPU', checks: [] });
  });

  it('refuses unknown names and requests that contradict themselves', async () => {
    await expect(select({ device: 'tpu' as DeviceName }, {})).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
    await expect(select({ device: 'cpu', useGpu: true }, {})).rejects.toThrow(
      'useGpu is true, but the device cpu is no GPU.',
    );
    await expect(select({ device: 'cuda', useGpu: false }, {})).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
  });

  it('runs compiled, or op by op on native TensorFlow', () => {
    expect([executionOf('webgpu'), executionOf('tfjs-node-gpu')]).toEqual([
      { provider: 'webgpu' },
      { eager: 'tensorflow' },
    ]);
  });
});

describe('the check of a device', () => {
  it('measures products that are right', async () => {
    const check = await checkDevice('cpu', 20);
    expect(check).toMatchObject({ device: 'cpu', available: true, fix: null });
    expect(check.gigaflops).toBeGreaterThan(0);
  });

  it('says that an optional package is missing, and how to get it', async () => {
    const missing = (name: string) =>
      Promise.reject(Object.assign(new Error(`Cannot find package '${name}'`), { code: 'ERR_MODULE_NOT_FOUND' }));
    expect(await checkTensorflowDevice('tfjs-node', 20, missing)).toEqual({
      device: 'tfjs-node',
      available: false,
      gigaflops: null,
      detail: '@tensorflow/tfjs-node is not installed (optional)',
      fix: 'Install it with `npm install @tensorflow/tfjs-node`.',
    });
  });

  it('passes on why an installed package cannot be loaded', async () => {
    const broken = () => Promise.reject(new Error('libtensorflow.so.2: cannot open shared object file\nmore'));
    expect(await checkTensorflowDevice('tfjs-node', 20, broken)).toMatchObject({
      available: false,
      detail: 'libtensorflow.so.2: cannot open shared object file',
      fix: '`ratchet link-libtensorflow DIR` links another libtensorflow.',
    });
  });
});

describe('a training', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-devices-'));
    await writeTinyModel(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('T15: records where it ran', async () => {
    const engine = createEngine({ threads: 1, device: { useGpu: false } });
    try {
      expect(await engine.train(tinySpec(folder))).toMatchObject({ device: 'cpu', deviceReason: 'useGpu is false' });
    } finally {
      await engine.close();
    }
  });

  it('T15: fails with the reason when the device is missing', async () => {
    const engine = createEngine({ threads: 1, device: { device: 'tfjs-node-gpu' } });
    try {
      await expect(engine.train(tinySpec(folder))).rejects.toMatchObject({
        code: 'E_NOT_FOUND',
        message: 'The device tfjs-node-gpu cannot be used: @tensorflow/tfjs-node-gpu is not installed (optional).',
      });
    } finally {
      await engine.close();
    }
  });

  it('gives op by op what it gives compiled', async () => {
    const spec = tinySpec(folder);
    const compiled = await trainModel(spec, {}, { threads: 1 });
    const other = { ...spec, outputDir: join(folder, 'eager'), checkpointDir: join(folder, 'eager-checkpoints') };
    const eager = await trainModel(other, {}, { graphs: new CompileCache(1, { eager: 'cpu' }) });
    expect(eager.steps).toBe(compiled.steps);
    expect(Math.abs(eager.trainLoss - compiled.trainLoss)).toBeLessThan(1e-5);
    expect(Math.abs(eager.validationLoss! - compiled.validationLoss!)).toBeLessThan(1e-5);
  });
});
