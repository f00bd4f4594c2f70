import type { ParameterValues } from './search-space.js';
import type { Study } from './study.js';

/**
 * Proposes parameters. A suggestion depends on the study and the trial number alone, so a resumed study goes on as if
 * it had never stopped, and trials running in parallel differ although they see the same history.
 */
export interface Sampler {
  readonly name: string;
  /** Parameters for trial `number`, each inside its range. Running trials of the study are taken into account. */
  suggest(study: Study, number: number): ParameterValues;
}
