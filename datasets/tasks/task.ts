import { createHash } from 'node:crypto';
import { BASE_TYPES, type ArtifactType } from '../../config/domain.js';
import { RatchetError } from '../../config/errors.js';
import { stream, type Stream } from '../../config/random.js';
import { estimateDifficulty } from './difficulty.js';
import { EDGE_CONSTRUCTS, type Distribution } from './family.js';
import { familyOf, parseSpecification } from './families.js';
import { formatPrompt, preTokenize } from './prompt.js';

/** One request with its canonical answer. */
export interface Task {
  /** SHA-256 of artifact type and specification, 32 hex digits: equal requests have equal ids. */
  id: string;
  artifactType: ArtifactType;
  specification: string;
  reference: string;
  constructs: string[];
  size: number;
  /** 0–1, see {@link estimateDifficulty}. */
  difficulty: number;
  /** Belongs to the frozen slice of edge cases. */
  edgeCase: boolean;
}

export type Split = 'test' | 'validation' | 'pool' | 'pretrain';

/** Longest prompt with its reference, in pre-tokens; longer draws are drawn again. */
export const MAX_PRE_TOKENS = 160;

/** The id of a request: the same for the same artifact type and text. */
export function taskId(artifactType: ArtifactType, specification: string): string {
  return createHash('sha256').update(`${artifactType}\n${specification}`).digest('hex').slice(0, 32);
}

/** The task of a specification; throws `E_DATA_INVALID` for a text outside the closed language. */
export function taskOf(artifactType: ArtifactType, specification: string): Task {
  const family = familyOf(artifactType);
  const statements = parseSpecification(artifactType, specification);
  const constructs = family.constructs(statements);
  return {
    id: taskId(artifactType, specification),
    artifactType,
    specification,
    reference: family.reference(statements),
    constructs,
    size: family.size(statements),
    difficulty: estimateDifficulty(artifactType, specification),
    edgeCase: constructs.some((name) => EDGE_CONSTRUCTS.has(name)),
  };
}

/** Which of the disjoint splits a request belongs to, by its id: 15 % test, 10 % validation, 25 % pool, 50 % pretrain. */
export function splitOf(id: string): Split {
  const share = Number.parseInt(id.slice(0, 8), 16) / 0x1_0000_0000;
  if (share < 0.15) return 'test';
  if (share < 0.25) return 'validation';
  return share < 0.5 ? 'pool' : 'pretrain';
}

/** Which tasks are drawn: of one type, or of several, each as likely as the others; by default of the base types. */
export interface TaskKinds {
  distribution: Distribution;
  artifactType?: ArtifactType;
  artifactTypes?: readonly ArtifactType[];
}

/** Draws one task of at most {@link MAX_PRE_TOKENS} pre-tokens. */
export function generateTask(source: Stream, kinds: TaskKinds): Task {
  const { artifactType, specification } = drawRequest(source, kinds);
  return taskOf(artifactType, specification);
}

function drawRequest(source: Stream, { distribution, artifactType: wanted, artifactTypes = BASE_TYPES }: TaskKinds) {
  const artifactType = wanted ?? source.pick(artifactTypes);
  const family = familyOf(artifactType);
  for (;;) {
    const statements = family.draw(source, distribution);
    const specification = family.render(statements);
    const text = formatPrompt(artifactType, specification) + family.reference(statements);
    if (preTokenize(text).length <= MAX_PRE_TOKENS) return { artifactType, specification };
  }
}

/** What {@link generateTasks} draws. */
export interface TaskRequest extends TaskKinds {
  seed: number;
  /** Names the stream; different purposes draw independently. */
  purpose: string;
  count: number;
  /** Only tasks of this split. */
  split?: Split;
  /** Ids that must not be drawn. */
  exclude?: ReadonlySet<string>;
  /** No task twice; by default in the target distribution. The easy one is too small for that. */
  unique?: boolean;
}

/** Draws tasks; the same request gives the same tasks. Throws `E_DATA_INVALID` when so many different ones do not exist. */
export function generateTasks(request: TaskRequest): Task[] {
  const { seed, purpose, count, distribution, split, exclude } = request;
  const unique = request.unique ?? distribution === 'target';
  const source = stream(seed, 'tasks', purpose);
  const seen = new Set<string>();
  const tasks: Task[] = [];
  let misses = 0;
  while (tasks.length < count) {
    const { artifactType, specification } = drawRequest(source, request);
    const id = taskId(artifactType, specification);
    if (exclude?.has(id) || (unique && seen.has(id)) || (split && splitOf(id) !== split)) {
      if (++misses > 10_000) {
        throw new RatchetError(
          'E_DATA_INVALID',
          `only ${tasks.length} of ${count} different tasks exist for "${purpose}"`,
          {
            hint: 'Ask for fewer, for another split, or set unique to false.',
          },
        );
      }
      continue;
    }
    misses = 0;
    seen.add(id);
    tasks.push(taskOf(artifactType, specification));
  }
  return tasks;
}
