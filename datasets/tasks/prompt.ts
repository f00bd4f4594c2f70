import type { ArtifactType } from '../../config/domain.js';

const PREFIX: Readonly<Record<ArtifactType, string>> = {
  erd: 'erd',
  code_prototype: 'code',
  architecture: 'architecture',
  sql_query: 'sql',
};

/** What stands between a prompt and its completion. */
export const PROMPT_SEPARATOR = '\n=>\n';

/** The text a model is asked with: `erd: a customer has name.\n=>\n`; the answer follows it directly. */
export function formatPrompt(artifactType: ArtifactType, specification: string): string {
  return `${PREFIX[artifactType]}: ${specification}${PROMPT_SEPARATOR}`;
}

const PRE_TOKEN = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The pre-tokens of a text by GPT-2's expression; joined they are the text. */
export function preTokenize(text: string): string[] {
  return text.match(PRE_TOKEN) ?? [];
}
