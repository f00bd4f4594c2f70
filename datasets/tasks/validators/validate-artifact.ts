import type { ArtifactType } from '../../../config/domain.js';
import { familyOf } from '../families.js';
import type { Statement } from '../grammar.js';
import type { Validation } from './parts.js';
import { validateArchitecture } from './validate-architecture.js';
import { validateCode } from './validate-code.js';
import { validateErd } from './validate-erd.js';
import { validateSql } from './validate-sql.js';

const VALIDATORS: Readonly<Record<ArtifactType, (statements: readonly Statement[], output: string) => Validation>> = {
  erd: validateErd,
  code_prototype: validateCode,
  architecture: validateArchitecture,
  sql_query: validateSql,
};

/** Longest answer that is read, in characters; the longest correct one has about 900. */
const MAX_OUTPUT = 16_384;

/**
 * Scores an answer to a request, 0–100. Deterministic; the hidden graph is read from the specification's text, so no
 * reference is needed. An empty answer and a specification outside the closed language score 0.
 */
export function validateArtifact(artifactType: ArtifactType, specification: string, output: string): Validation {
  const statements = familyOf(artifactType).parse(specification);
  if (statements === null) return refuse(`the specification is not in the closed language of ${artifactType}`);
  const answer = output.trim();
  if (answer === '') return refuse('the answer is empty');
  if (answer.length > MAX_OUTPUT)
    return refuse(`the answer has ${answer.length} characters; at most ${MAX_OUTPUT} are read`);
  return VALIDATORS[artifactType](statements, answer);
}

function refuse(reason: string): Validation {
  return { score: 0, reasons: [reason], parts: {} };
}
