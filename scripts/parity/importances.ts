import { functionalAnovaImportances, impurityDecreaseImportances } from '../../learning/tuning/functional-anova.js';
import { normaliseImportances, pedAnovaImportances } from '../../learning/tuning/ped-anova.js';
import type { ParameterValues } from '../../learning/tuning/search-space.js';
import type { CaseRecorder } from './report.js';
import { fixtureStudy } from './tpe-internals.js';
import { fixtureSpace, type FixtureParameter } from './tuning-objectives.js';

type Importances = Record<string, number>;

export interface ImportancesFixture {
  space: FixtureParameter[];
  studies: {
    objective: string;
    trials: { params: ParameterValues; value: number }[];
    ped_anova: Record<string, { raw: Importances; normalized: Importances }>;
    fanova_mean: Importances;
    mdi_mean: Importances;
  }[];
}

/** Forests of other random draws differ by this much (README-methods.md). */
const FOREST_TOLERANCE = 0.15;
/** A PED-ANOVA importance below this is none. */
const NO_IMPORTANCE = 1e-12;

/** importances.json: PED-ANOVA to 1e-9; forests by their leading parameter and within the statistical tolerance. */
export function checkImportances(fixture: ImportancesFixture, record: CaseRecorder): void {
  const space = fixtureSpace(fixture.space);
  for (const [index, expected] of fixture.studies.entries()) {
    const name = `${index}-${expected.objective}`;
    const trials = expected.trials.map((trial) => ({ ...trial, state: 'complete' as const }));
    const study = fixtureStudy(space, 'minimize', trials);
    for (const [setting, theirs] of Object.entries(expected.ped_anova)) {
      const given = Object.fromEntries(setting.split(',').map((part) => part.split('=')));
      const raw = pedAnovaImportances(study, {
        targetQuantile: Number(given.target),
        regionQuantile: Number(given.region),
        local: given.local === 'True',
      });
      record.within(`${name}/ped_anova/${setting}/raw`, largestRelative(raw, theirs.raw), 1e-9);
      const normalised = normaliseImportances(raw);
      record.within(`${name}/ped_anova/${setting}/normalized`, largestRelative(normalised, theirs.normalized), 1e-9);
    }
    const forests = { fanova: functionalAnovaImportances, mdi: impurityDecreaseImportances };
    for (const [method, evaluate] of Object.entries(forests)) {
      const theirs = method === 'fanova' ? expected.fanova_mean : expected.mdi_mean;
      const ours = normaliseImportances(meanOf([0, 1, 2, 3, 4].map((seed) => evaluate(study, { seed }))));
      const worst = Math.max(...Object.keys(theirs).map((key) => Math.abs(ours[key]! - theirs[key]!)));
      record.within(`${name}/${method}`, worst, FOREST_TOLERANCE);
      const leaders = leading(theirs);
      if (leaders.includes(leading(ours)[0]!)) record.passed(`${name}/${method}/leading`);
      else
        record.failed(`${name}/${method}/leading`, `${leading(ours)[0]} leads, expected one of ${leaders.join(', ')}`);
    }
  }
}

function largestRelative(ours: Importances, theirs: Importances): number {
  // Where the best trials are spread as all are, the reference has 0 or the square of a rounding error.
  const relative = (own: number, value: number) => Math.abs(own - value) / Math.max(Math.abs(value), NO_IMPORTANCE);
  return Math.max(...Object.entries(theirs).map(([key, value]) => relative(ours[key]!, value)));
}

function meanOf(all: readonly Importances[]): Importances {
  return Object.fromEntries(
    Object.keys(all[0]!).map((key) => [key, all.reduce((sum, one) => sum + one[key]!, 0) / all.length]),
  );
}

/** The most important parameter and those within 0.05 of it, which another forest may well put first. */
function leading(importances: Importances): string[] {
  const top = Math.max(...Object.values(importances));
  return Object.keys(importances)
    .filter((key) => importances[key]! >= top - 0.05)
    .sort((a, b) => importances[b]! - importances[a]!);
}
