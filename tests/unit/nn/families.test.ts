import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runEagerly } from '../../../engine/trace/index.js';
import { checkModel } from '../../../scripts/parity/models.js';
import { CaseRecorder, type ParityReport } from '../../../scripts/parity/report.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures/models');

async function check(name: string, execute?: Parameters<typeof checkModel>[2]): Promise<ParityReport> {
  const report: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
  await checkModel(join(fixtures, name), new CaseRecorder(report, name), execute);
  return report;
}

describe('T1: logits, loss, hidden states and gradients are those of transformers', () => {
  it.each(readdirSync(fixtures))('%s, compiled', async (name) => {
    const { failures, unknown, passed } = await check(name);
    expect(failures).toEqual([]);
    expect(unknown).toBe(0);
    expect(passed).toBeGreaterThanOrEqual(9);
  });

  it.each(['t5_gated', 'roberta', 'phi3_partial', 'llama_rope_dynamic'])(
    "%s, eagerly on tfjs' cpu backend",
    async (name) => {
      const { failures, unknown } = await check(name, runEagerly.bind(null, 'cpu'));
      expect(failures).toEqual([]);
      expect(unknown).toBe(0);
    },
  );
});
