import type { ArtifactType, RejectedRow } from '../../config/domain.js';
import type { LoopConfig } from '../../config/loop.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';

export const GATES = ['non-empty', 'score', 'groundedness', 'duplicate'] as const;
export type Gate = (typeof GATES)[number];

type GateSettings = Pick<LoopConfig['gate'], 'minLabelScore' | 'minGroundedness'>;

/** A label that asks to become an example. */
export interface LabelCandidate {
  id: string;
  artifactType: ArtifactType;
  input: string;
  target: string;
  /** The validator's score of the target, 0–100. */
  labelScore: number;
}

export interface GateResult<T extends LabelCandidate> {
  accepted: T[];
  rejected: { candidate: T; gate: Gate; row: RejectedRow }[];
}

const RAW_LIMIT = 4096;
const FIELD: Record<Gate, string> = {
  'non-empty': 'target',
  score: 'labelScore',
  groundedness: 'target',
  duplicate: 'target',
};

/**
 * R15: decides which labels may be trained on. In order: input and target are not blank; the label's score is at least
 * `minLabelScore`; at least `minGroundedness` of the target's identifiers come from the request (generic boilerplate
 * does not); and no earlier candidate (by id) has the same type, input and target up to case and whitespace.
 */
export class QualityGates {
  private readonly config: GateSettings;
  private readonly gates: readonly Gate[];
  private readonly groundednessOf: (candidate: LabelCandidate) => number;

  /** @param options.groundednessOf share 0–1; without it the groundedness gate lets everything pass. */
  constructor(
    options: {
      config?: Partial<GateSettings>;
      gates?: readonly Gate[];
      groundednessOf?: (candidate: LabelCandidate) => number;
    } = {},
  ) {
    this.config = { minLabelScore: 70, minGroundedness: 0.5, ...options.config };
    this.gates = options.gates ?? GATES;
    this.groundednessOf = options.groundednessOf ?? (() => 1);
  }

  /**
   * Both lists keep the order given; which of two duplicates stays depends on the ids alone.
   * @param known keys ({@link candidateKey}) of the labels that earlier rounds accepted
   */
  apply<T extends LabelCandidate>(candidates: readonly T[], known: ReadonlySet<string> = new Set()): GateResult<T> {
    const faults = new Map<string, { gate: Gate; reason: string }>();
    const firstWithKey = new Map<string, string>();
    for (const candidate of [...candidates].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))) {
      const key = candidateKey(candidate);
      const twin = known.has(key) ? 'a label of an earlier round' : firstWithKey.get(key);
      const fault = this.firstFault(candidate, twin);
      if (fault === null) firstWithKey.set(key, candidate.id);
      else faults.set(candidate.id, fault);
    }
    const result: GateResult<T> = { accepted: [], rejected: [] };
    for (const candidate of candidates) {
      const fault = faults.get(candidate.id);
      if (fault === undefined) {
        result.accepted.push(candidate);
        continue;
      }
      const raw = JSON.stringify({ id: candidate.id, input: candidate.input, target: candidate.target });
      const row = {
        source: 'gate',
        line: 0,
        field: FIELD[fault.gate],
        reason: fault.reason,
        raw: raw.slice(0, RAW_LIMIT),
      };
      result.rejected.push({ candidate, gate: fault.gate, row });
    }
    return result;
  }

  private firstFault(candidate: LabelCandidate, twin: string | undefined): { gate: Gate; reason: string } | null {
    for (const gate of this.gates) {
      const reason = this.faultOf(gate, candidate, twin);
      if (reason !== null) return { gate, reason };
    }
    return null;
  }

  private faultOf(gate: Gate, candidate: LabelCandidate, twin: string | undefined): string | null {
    switch (gate) {
      case 'non-empty':
        if (candidate.input.trim() === '') return 'the input is empty';
        return candidate.target.trim() === '' ? 'the target is empty' : null;
      case 'score':
        if (candidate.labelScore >= this.config.minLabelScore) return null;
        return `the label scores ${candidate.labelScore}, below ${this.config.minLabelScore}`;
      case 'groundedness': {
        const share = this.groundednessOf(candidate);
        if (share >= this.config.minGroundedness) return null;
        return `generic content: ${Math.round(share * 100)} % of its identifiers come from the request`;
      }
      case 'duplicate':
        return twin === undefined ? null : `duplicate of ${twin}`;
    }
  }

  /** R14. */
  selfTest(): SelfTestResult {
    const good: LabelCandidate = {
      id: 'a',
      artifactType: 'erd',
      input: 'customer has name',
      target: 'customer { string name }',
      labelScore: 100,
    };
    const gateOf = (change: Partial<LabelCandidate>) =>
      this.apply([good, { ...good, id: 'b', ...change }]).rejected[0]?.gate;
    const expects = (gate: Gate, change: Partial<LabelCandidate>) =>
      !this.gates.includes(gate) || gateOf(change) === gate;
    return runChecks('QualityGates', {
      'a blank target is rejected': () => expects('non-empty', { target: ' \n' }),
      'a low score is rejected': () => expects('score', { labelScore: -1 }),
      'a repeated label is rejected': () => expects('duplicate', { target: 'Customer  { string name }' }),
      'another label passes': () =>
        gateOf({ input: 'customer has email', target: 'customer { string email }' }) === undefined,
    });
  }
}

/** Identity of a label up to case and whitespace. */
export function candidateKey(candidate: Pick<LabelCandidate, 'artifactType' | 'input' | 'target'>): string {
  const normalize = (text: string) => text.toLowerCase().replace(/\s+/g, ' ').trim();
  return JSON.stringify([candidate.artifactType, normalize(candidate.input), normalize(candidate.target)]);
}
