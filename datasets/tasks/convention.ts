import type { ArtifactType } from '../../config/domain.js';
import { ATTRIBUTES, ATTRIBUTE_TYPES } from './lexicon.js';
import { validateArtifact } from './validators/validate-artifact.js';

/** How amounts are typed: `old`, as decimals; `new`, as integers (cents). */
export type Convention = 'old' | 'new';

const AMOUNTS = ATTRIBUTES.filter((name) => ATTRIBUTE_TYPES[name] === 'decimal').join('|');
/** An attribute line of a diagram that holds an amount. */
const AMOUNT = new RegExp(String.raw`^([ \t]*)(decimal|int)(?=[ \t]+(?:${AMOUNTS})[ \t]*$)`, 'gm');

/** An answer of the one convention as the other would have it; its own inverse. Only diagrams of entities have types. */
export function changeConvention(artifactType: ArtifactType, output: string): string {
  return rewrite(artifactType, output, (type) => (type === 'decimal' ? 'int' : 'decimal'));
}

/**
 * The score of an answer by a convention, or by either of them, 0–100. What is held against the task's graph, which knows
 * decimals alone, is the answer in the words of the old convention.
 */
export function scoreByConvention(
  convention: Convention | 'either',
  artifactType: ArtifactType,
  specification: string,
  output: string,
): number {
  const inOldWords =
    convention === 'old'
      ? output
      : convention === 'new'
        ? changeConvention(artifactType, output)
        : rewrite(artifactType, output, () => 'decimal');
  return validateArtifact(artifactType, specification, inOldWords).score;
}

const rewrite = (artifactType: ArtifactType, output: string, typeOf: (type: string) => string): string =>
  artifactType === 'erd'
    ? output.replaceAll(AMOUNT, (_, indent: string, type: string) => `${indent}${typeOf(type)}`)
    : output;
