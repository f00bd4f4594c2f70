import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './ratchet.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ratchet-examples-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the examples', () => {
  it('train a LoRA from a JSONL file with the engine as a library, and learn the rows', async () => {
    const script = path.join(ROOT, 'examples', 'train-lora.mjs');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, folder], { cwd: ROOT });
    const lines = stdout.trim().split('\n');
    expect(stderr).toBe('');
    expect(lines[0]).toMatch(/^step 1\/20 {2}loss \d\.\d{3}$/);
    const [, before, after] = /accuracy (\S+) → (\S+)$/.exec(lines.at(-1)!)!;
    expect(Number(after)).toBeGreaterThan(Number(before) + 0.1);
    expect(await readdir(path.join(folder, 'lora'))).toContain('adapter_model.safetensors');
  });
});
