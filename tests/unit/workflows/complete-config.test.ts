import { describe, expect, it } from 'vitest';
import { LoopConfig } from '../../../config/loop.js';
import { completeConfig } from '../../../workflows/complete-config.js';

describe('completeConfig', () => {
  const today = LoopConfig.parse({ name: 'old', components: { curriculum: false } });

  it('W1: gives a configuration of version 0.1 the defaults of what it did not know, and keeps the rest', () => {
    const {
      preset: _preset,
      tuning: _tuning,
      preference: _preference,
      embeddings: _embeddings,
      ...old
    } = structuredClone(today) as Partial<LoopConfig>;
    const drop = (section: object, names: string[]) => {
      for (const name of names) delete (section as Record<string, unknown>)[name];
    };
    drop(old.components!, ['tuning', 'tracking']);
    drop(old.reward!, ['scheme', 'similarity', 'trust']);
    drop(old.selection!, ['strategy', 'ensemble', 'fallback']);
    drop(old.augmentation!, ['backTranslation']);
    drop(old.gate!, ['checks']);
    drop(old.tracking!, ['gate', 'alpha', 'minimumGain', 'maximumPairs', 'rollback']);
    // Without a pruner of its own such a loop has the default of then.
    expect(completeConfig(old as LoopConfig)).toEqual({ ...today, tuning: { ...today.tuning, pruner: 'median' } });
  });

  it('W1: gives simulated users the types they asked for, and no simulated users to a loop without', () => {
    const users = LoopConfig.parse({ simulatedUsers: { requests: 30 } });
    const old = structuredClone(users);
    delete (old.simulatedUsers as Partial<typeof old.simulatedUsers>)!.artifactTypes;
    expect(completeConfig(old)).toEqual(users);
    expect(completeConfig(today).simulatedUsers).toBeUndefined();
    const others = LoopConfig.parse({ simulatedUsers: { artifactTypes: ['sql_query'] } });
    expect(completeConfig(others)).toEqual(others);
  });

  it('leaves a configuration of today as it is', () => {
    const changed = LoopConfig.parse({ tuning: { trials: 3 }, components: { tuning: true }, gate: { checks: [] } });
    expect(completeConfig(changed)).toEqual(changed);
  });
});
