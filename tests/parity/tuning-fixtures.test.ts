import { describe, expect, it } from 'vitest';
import { checkPruners, type PrunersFixture } from '../../scripts/parity/pruners.js';
import { CaseRecorder, type ParityReport } from '../../scripts/parity/report.js';
import { checkTpeInternals } from '../../scripts/parity/tpe-internals.js';

// All expected numbers and decisions are those of Optuna 5.0.0.

/** Decisions at which step each of six trials of three steps is pruned. */
const decisions: PrunersFixture['sets'][number]['decisions'] = {
  'NopPruner()': { pruned_at_step: [null, null, null, null, null, null] },
  'MedianPruner(3)': { pruned_at_step: [null, null, null, 2, 1, 2] },
  'MedianPruner(3, 2, 2)': { pruned_at_step: [null, null, null, 2, 2, 2] },
  'PercentilePruner(25, 2, 1, 1)': { pruned_at_step: [null, null, 1, 2, 1, 2] },
  'ThresholdPruner(None,2.0)': { pruned_at_step: [null, null, null, null, 2, null] },
  'ThresholdPruner(lower=None,upper=1.2)': { pruned_at_step: [null, null, null, null, 2, null] },
  'SuccessiveHalvingPruner(1, 3)': { pruned_at_step: [null, null, 1, 3, 1, 3] },
  "SuccessiveHalvingPruner('auto', 2)": { pruned_at_step: [null, null, 1, 2, 1, 2] },
  'HyperbandPruner(1, N, 3)': {
    pruned_at_step: [null, null, 3, 3, 1, null],
    n_brackets: 2,
    budgets: [3, 2],
    max_resource: 3,
    bracket_of_trial: [1, 0, 1, 0, 0, 1],
  },
  'HyperbandPruner()': {
    pruned_at_step: [null, null, null, 3, 1, null],
    n_brackets: 2,
    budgets: [3, 2],
    max_resource: 4,
    bracket_of_trial: [1, 0, 1, 0, 0, 1],
  },
  'PatientPruner(MedianPruner(n_startup_trials=2,n_warmup_steps=1),patience=0)': {
    pruned_at_step: [null, null, null, 2, null, 2],
  },
  'PatientPruner(ThresholdPruner(upper=0.92),0)': { pruned_at_step: [null, null, null, 2, null, null] },
};

function reportOf(check: (record: CaseRecorder) => void): ParityReport {
  const report: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
  check(new CaseRecorder(report, 'tuning'));
  return report;
}

describe('parity of pruners', () => {
  const set: PrunersFixture['sets'][number] = {
    name: 'six',
    direction: 'minimize',
    first_step: 1,
    curves: [
      [1, 0.5, 0.4],
      [0.9, 0.6, 0.3],
      [1, 0.7, 0.5],
      [0.9, 0.95, 0.9],
      [1.1, null, 0.2],
      [0.8, 0.9, 0.35],
    ],
    study_name: 't',
    decisions,
  };

  it('reads positional, named, automatic and wrapped arguments', () => {
    const { failures, unknown } = reportOf((record) => checkPruners({ sets: [set] }, record));
    expect(failures).toEqual([]);
    expect(unknown).toBe(0);
  });

  it('counts a class or an argument that there is not as unknown and goes on', () => {
    const never = { pruned_at_step: set.curves.map(() => null) };
    const unknown = [
      'WilcoxonPruner(p_threshold=0.1)',
      'MedianPruner(n_epochs=2)',
      'PatientPruner(WilcoxonPruner(),2)',
    ];
    const others = Object.fromEntries([...unknown, 'NopPruner()'].map((written) => [written, never]));
    const { cases } = reportOf((record) => checkPruners({ sets: [{ ...set, decisions: others }] }, record));
    expect(cases.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown', 'unknown', 'passed']);
  });
});

describe('parity of TPE', () => {
  it('ranks a complete trial with an infinite value, which the fixtures write as null, last', () => {
    const x = { low: 0, high: 1, log: false, step: 0 };
    const third = 1 / 3;
    const { failures } = reportOf((record) =>
      checkTpeInternals(
        {
          space: [{ name: 'x', type: 'float', low: 0, high: 1, log: false }],
          gamma: {},
          weights: {},
          truncated_normal: [],
          histories: [
            {
              name: 'infinite',
              direction: 'minimize',
              trials: [
                { params: { x: 0.25 }, state: 'complete', value: null },
                { params: { x: 0.5 }, state: 'complete', value: 0.7 },
                { params: { x: 0.75 }, state: 'complete', value: 0.5 },
              ],
              gamma: 1,
              below: [2],
              above: [0, 1],
              estimators: {
                below: { weights: [0.5, 0.5], dims: { x: { ...x, mu: [0.75, 0.5], sigma: [0.75, 1] } } },
                above: {
                  weights: [third, third, third],
                  dims: { x: { ...x, mu: [0.25, 0.5, 0.5], sigma: [0.25, 0.25, 1] } },
                },
              },
              candidates: {
                component: [0],
                quantiles: [[0.25]],
                params: [{ x: 0.3053408372657408 }],
                log_l: [-0.016236763785417163],
                log_g: [0.3149766028037517],
                acquisition: [-0.3312133665891689],
                best: 0,
              },
              univariate_on_same_candidates: { x: { log_l: [-0.016236763785417163], log_g: [0.3149766028037517] } },
            },
          ],
        },
        record,
      ),
    );
    expect(failures).toEqual([]);
  });
});
