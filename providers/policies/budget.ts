import { RatchetError } from '../../config/errors.js';

export interface BudgetLimits {
  /** Input and output tokens together; no limit when left out. */
  maximumTokens?: number | undefined;
  /** US dollars; no limit when left out. */
  maximumCost?: number | undefined;
}

export interface Spending {
  tokens: number;
  /** US dollars. */
  cost: number;
}

/** What a call may take at most, set aside until it is known what it took. */
export interface Reservation {
  settle(actual: Spending): void;
}

/**
 * Caps on tokens and money. A call sets aside its upper bound first, so concurrent calls cannot exceed a cap together,
 * and is refused when the rest does not suffice. Several providers may share one budget.
 */
export class Budget {
  private spentSoFar: Spending = { tokens: 0, cost: 0 };
  private reserved: Spending = { tokens: 0, cost: 0 };

  constructor(readonly limits: BudgetLimits = {}) {}

  get spent(): Spending {
    return { ...this.spentSoFar };
  }

  /** @throws RatchetError `E_BUDGET` when the bound exceeds what is left; nothing is set aside then. */
  reserve(bound: Spending): Reservation {
    const { maximumTokens = Infinity, maximumCost = Infinity } = this.limits;
    const tokens = maximumTokens - this.spentSoFar.tokens - this.reserved.tokens;
    const cost = maximumCost - this.spentSoFar.cost - this.reserved.cost;
    if (bound.tokens > tokens)
      throw exceeded(`up to ${bound.tokens} tokens`, `${Math.max(0, tokens)} of ${maximumTokens}`);
    if (bound.cost > cost)
      throw exceeded(`up to $${bound.cost.toFixed(6)}`, `$${Math.max(0, cost).toFixed(6)} of $${maximumCost}`);
    this.reserved = { tokens: this.reserved.tokens + bound.tokens, cost: this.reserved.cost + bound.cost };
    let open = true;
    return {
      settle: (actual) => {
        if (!open) return;
        open = false;
        this.reserved = { tokens: this.reserved.tokens - bound.tokens, cost: this.reserved.cost - bound.cost };
        this.spentSoFar = {
          tokens: this.spentSoFar.tokens + actual.tokens,
          cost: this.spentSoFar.cost + actual.cost,
        };
      },
    };
  }
}

const exceeded = (asked: string, left: string) =>
  new RatchetError('E_BUDGET', `a call may take ${asked}; ${left} is left of its budget`, {
    hint: 'Raise the budget, shorten the prompt or ask for fewer tokens.',
  });
