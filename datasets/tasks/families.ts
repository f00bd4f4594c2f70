import type { ArtifactType } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { architectureFamily } from './architecture.js';
import { codeFamily } from './code-prototype.js';
import { erdFamily } from './erd.js';
import type { TaskFamily } from './family.js';
import type { Statement } from './grammar.js';
import { sqlFamily } from './sql-query.js';

const FAMILIES: Readonly<Record<ArtifactType, TaskFamily>> = {
  erd: erdFamily,
  code_prototype: codeFamily,
  architecture: architectureFamily,
  sql_query: sqlFamily,
};

/** The family of an artifact type. */
export function familyOf(artifactType: ArtifactType): TaskFamily {
  return FAMILIES[artifactType];
}

/** The statements of a specification; throws `E_DATA_INVALID` for a text outside the closed language. */
export function parseSpecification(artifactType: ArtifactType, specification: string): Statement[] {
  const statements = familyOf(artifactType).parse(specification);
  if (statements === null) {
    throw new RatchetError(
      'E_DATA_INVALID',
      `not in the closed language of ${artifactType}: "${specification.slice(0, 120)}"`,
      {
        hint: "The demo's validator knows a closed language; datasets/tasks lists its sentences.",
      },
    );
  }
  return statements;
}

/** The canonical artifact of a specification: what a correct answer means. Throws `E_DATA_INVALID` outside the closed language. */
export function referenceFor(artifactType: ArtifactType, specification: string): string {
  return familyOf(artifactType).reference(parseSpecification(artifactType, specification));
}
