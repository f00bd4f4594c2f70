import { describe, expect, it } from 'vitest';
import { jsonLines, ratchet } from './ratchet.js';

describe('doctor', () => {
  it('finds everything Ratchet needs, with --json as one line a check and a summary', async () => {
    const { code, stdout, stderr } = await ratchet(['doctor', '--json']);
    const lines = jsonLines(stdout);
    const checks = lines.slice(0, -1);
    expect(lines.at(-1)).toEqual({ ok: true, checks: checks.map(({ event: _event, ...found }) => found) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(checks.map((found) => found.name)).toEqual([
      'Node',
      'CPU',
      'memory',
      'disk',
      'data folder',
      'onnxruntime',
      'DuckDB',
      'Temporal server',
      'device',
      'cuda',
      'webgpu',
      'tfjs-node-gpu',
      'tfjs-node',
      'GPU',
      'PyTorch',
    ]);
    for (const found of checks) {
      expect(['ok', 'warn', 'optional']).toContain(found.status);
      expect(found.fix === null).toBe(found.status === 'ok' || ['GPU', 'PyTorch'].includes(String(found.name)));
    }
    expect(checks[5]?.detail).toMatch(/^1\.\d+\.\d+, [1-9]\d* GFLOP\/s/);
    expect(checks.find((found) => found.name === 'device')?.detail).toMatch(
      /^auto takes (cpu|cuda|webgpu|tfjs-node-gpu) \(.+\)$/,
    );
  });

  it('exits 1 and says what to do where a Temporal server is neither there nor may be fetched', async () => {
    const settings = ['server.allowDownload=false', 'server.allowGoInstall=false', 'server.cacheDir=/nonexistent'];
    const { code, stdout } = await ratchet(['doctor', '--json', ...settings.flatMap((setting) => ['--set', setting])], {
      env: { PATH: '/nonexistent' },
    });
    expect(code).toBe(1);
    expect(jsonLines(stdout).find((line) => line.name === 'Temporal server')).toMatchObject({
      status: 'fail',
      detail: 'none is installed and none may be fetched',
      fix: expect.stringContaining('https://docs.temporal.io/cli') as string,
    });
  });
});
