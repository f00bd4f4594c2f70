/**
 * Stands in for `@temporalio/workflow` when workflow code runs in a {@link Simulation}: what asks Temporal's server asks
 * the simulation, all else is the SDK's own.
 */
import type { QueryDefinition, SignalDefinition, UpdateDefinition } from '@temporalio/common';
import type { ActivityOptions, ChildWorkflowOptions } from '@temporalio/workflow';
import { msToNumber, type Duration } from '@temporalio/common/lib/time.js';
import { ContinueAsNew, currentExecution } from './simulation.js';

export * from '@temporalio/workflow';

export function workflowInfo(): { workflowId: string; continueAsNewSuggested: boolean; historyLength: number } {
  const { id, isLong, history } = currentExecution();
  return { workflowId: id, continueAsNewSuggested: isLong, historyLength: history };
}

export function setHandler(
  { name }: SignalDefinition<unknown[]> | QueryDefinition<unknown> | UpdateDefinition<unknown>,
  handler: (...args: never[]) => unknown,
): void {
  currentExecution().handle(name, handler);
}

export function allHandlersFinished(): boolean {
  return currentExecution().handlersRunning === 0;
}

/** Nobody steers a simulated loop: a scope runs what it is given. */
export class CancellationScope {
  readonly consideredCancelled = false;

  static current(): CancellationScope {
    return new CancellationScope();
  }
  run<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }
  cancel(): void {
    throw new Error('The simulation cancels nothing.');
  }
}

export function condition(predicate: () => boolean, timeout?: Duration): Promise<boolean> {
  const execution = currentExecution();
  if (predicate()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const entry = { predicate, resolve: () => resolve(true) };
    execution.waiting.add(entry);
    if (timeout === undefined) return;
    // Started, and fired or cancelled.
    execution.history += 2;
    execution.simulation.after(msToNumber(timeout), () => {
      if (!execution.waiting.delete(entry)) return undefined;
      resolve(false);
      return execution;
    });
  });
}

export function proxyActivities({ taskQueue }: ActivityOptions): Record<string, (input: unknown) => Promise<unknown>> {
  return new Proxy(
    {},
    {
      get: (_target, name: string) => (input: unknown) => {
        const execution = currentExecution();
        return execution.simulation.activity(execution, taskQueue!, name, input);
      },
    },
  );
}

export function executeChild(
  workflow: (...args: never[]) => Promise<unknown>,
  { workflowId, args }: ChildWorkflowOptions & { args: unknown[] },
): Promise<unknown> {
  const execution = currentExecution();
  const { simulation } = execution;
  execution.history += 3;
  return new Promise((resolve, reject) => {
    simulation.after(0, () => {
      const resume = (act: () => void) =>
        simulation.after(0, () => {
          act();
          return execution;
        });
      simulation.start(workflow, workflowId!, args).then(
        (value) => resume(() => resolve(value)),
        (error: Error) => resume(() => reject(error)),
      );
    });
  });
}

export function getExternalWorkflowHandle(id: string): {
  signal(definition: SignalDefinition<unknown[]>, ...args: unknown[]): Promise<void>;
} {
  return {
    async signal({ name }, ...args) {
      const execution = currentExecution();
      execution.history += 2;
      if (!execution.simulation.signal(id, name, args)) throw new Error(`the workflow ${id} does not run`);
    },
  };
}

export function continueAsNew(...args: unknown[]): Promise<never> {
  return Promise.reject(new ContinueAsNew(args));
}

export function patched(): boolean {
  return true;
}
