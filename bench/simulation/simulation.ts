import { AsyncLocalStorage } from 'node:async_hooks';
import { stream, type Stream } from '../../config/random.js';

/** From how many history events on Temporal suggests to continue as new. */
const SUGGESTED_LENGTH = 4096;
/** Events of a workflow task: scheduled, started, completed. */
const TASK_EVENTS = 3;

/** Tasks that were served leave their queue in blocks of so many. */
const FORGOTTEN_AT_ONCE = 1024;

type Workflow = (...args: never[]) => Promise<unknown>;

/** What waits in a task queue for a free slot. */
interface Task {
  milliseconds: number;
  work(): Promise<unknown>;
  done(result: { value: unknown } | { error: unknown }): void;
}

export interface QueueOptions {
  slots: number;
  /** How long an activity takes, in simulated milliseconds. */
  milliseconds(activity: string): number;
  work(activity: string, input: unknown): Promise<unknown>;
}

/** Continues an execution under the same id; thrown, as Temporal's SDK does. */
export class ContinueAsNew {
  constructor(readonly args: unknown[]) {}
}

/** One run of a workflow. */
export class Execution {
  readonly handlers = new Map<string, (...args: never[]) => unknown>();
  readonly waiting = new Set<{ predicate: () => boolean; resolve: () => void }>();
  /** Events that Temporal's history would hold. */
  history = 1;
  handlersRunning = 0;
  private readonly early: { name: string; args: unknown[] }[] = [];

  constructor(
    readonly simulation: Simulation,
    readonly id: string,
  ) {}

  get isLong(): boolean {
    return this.history >= SUGGESTED_LENGTH;
  }

  handle(name: string, handler: (...args: never[]) => unknown): void {
    this.handlers.set(name, handler);
    for (const message of this.early.splice(0)) this.signal(message.name, message.args);
  }

  /** Hands a signal to its handler, or keeps it until there is one. */
  signal(name: string, args: unknown[]): void {
    const handler = this.handlers.get(name);
    if (handler === undefined) {
      this.early.push({ name, args });
      return;
    }
    this.handlersRunning += 1;
    void executions.run(this, async () => {
      await handler(...(args as never[]));
      this.handlersRunning -= 1;
    });
  }

  /** Lets everybody go on whose condition holds by now; false when nobody can. */
  settle(): boolean {
    let moved = false;
    for (const entry of this.waiting) {
      if (!entry.predicate()) continue;
      this.waiting.delete(entry);
      entry.resolve();
      moved = true;
    }
    return moved;
  }
}

const executions = new AsyncLocalStorage<Execution>();

/** The execution whose code runs. */
export function currentExecution(): Execution {
  return executions.getStore()!;
}

/**
 * Runs workflow code as it is on a clock that jumps from event to event: task queues with slots, served in the order of
 * arrival; timers, signals, children and continue-as-new as Temporal has them. Some attempts of activities are lost, as
 * by a killed worker, and tried again. The same seed gives the same course of events.
 */
export class Simulation {
  /** Milliseconds since 1970. */
  now: number;
  readonly open = new Map<string, Execution>();
  /** Largest history of any execution, by kind of workflow. */
  readonly longest = new Map<string, number>();
  /** Largest JSON that was carried over, in characters. */
  largestCarried = 0;
  events = 0;
  readonly counts = { workflows: 0, activities: 0, lost: 0, continued: 0 };
  private readonly agenda = new Agenda();
  private readonly queues = new Map<string, { options: QueueOptions; busy: number; tasks: Task[]; head: number }>();
  private readonly draw: Stream;

  constructor(
    start: number,
    seed: number,
    /** Share of attempts that are lost, and how long that takes to be noticed. */
    private readonly faults: { share: number; milliseconds: number },
  ) {
    this.now = start;
    this.draw = stream(seed, 'simulation', 'faults');
  }

  addQueue(name: string, options: QueueOptions): void {
    this.queues.set(name, { options, busy: 0, tasks: [], head: 0 });
  }

  /** Does something after a while; what it returns is the execution it has touched. */
  after(milliseconds: number, act: () => Execution | undefined | void): void {
    this.agenda.add(this.now + milliseconds, act);
  }

  /** Goes from event to event until the given moment. */
  async run(until: number): Promise<void> {
    for (let next = this.agenda.take(until); next !== undefined; next = this.agenda.take(until)) {
      this.now = next.at;
      this.events += 1;
      const touched = next.act() ?? undefined;
      await settled();
      if (touched === undefined) continue;
      touched.history += TASK_EVENTS;
      while (touched.settle()) await settled();
    }
    this.now = until;
  }

  /** Starts a workflow; rejects when one of that id runs. */
  start(workflow: Workflow, id: string, args: unknown[]): Promise<unknown> {
    if (this.open.has(id)) return Promise.reject(new Error(`the workflow ${id} is running`));
    this.counts.workflows += 1;
    return this.execute(workflow, id, args);
  }

  /** Signals a workflow; false when none of that id runs. */
  signal(id: string, name: string, args: unknown[]): boolean {
    const execution = this.open.get(id);
    if (execution === undefined) return false;
    execution.history += 1;
    this.after(0, () => {
      execution.signal(name, args);
      return execution;
    });
    return true;
  }

  activity(caller: Execution, queue: string, name: string, input: unknown): Promise<unknown> {
    caller.history += 3;
    this.counts.activities += 1;
    const { options } = this.queues.get(queue)!;
    return new Promise((resolve, reject) => {
      this.enqueue(queue, {
        milliseconds: options.milliseconds(name),
        work: () => options.work(name, input),
        done: (result) => {
          this.after(0, () => {
            if ('error' in result) reject(result.error as Error);
            else resolve(result.value);
            return caller;
          });
        },
      });
    });
  }

  private enqueue(name: string, task: Task): void {
    this.queues.get(name)!.tasks.push(task);
    this.serve(name);
  }

  private serve(name: string): void {
    const queue = this.queues.get(name)!;
    while (queue.busy < queue.options.slots && queue.head < queue.tasks.length) {
      const task = queue.tasks[queue.head]!;
      queue.head += 1;
      queue.busy += 1;
      if (queue.head === FORGOTTEN_AT_ONCE) {
        queue.tasks.splice(0, queue.head);
        queue.head = 0;
      }
      const lost = this.draw.float() < this.faults.share;
      this.after(lost ? this.faults.milliseconds : task.milliseconds, () => {
        queue.busy -= 1;
        if (lost) {
          this.counts.lost += 1;
          this.enqueue(name, task);
        } else
          task.work().then(
            (value) => task.done({ value }),
            (error: unknown) => task.done({ error }),
          );
        this.serve(name);
      });
    }
  }

  private async execute(workflow: Workflow, id: string, args: unknown[]): Promise<unknown> {
    for (let given = args; ;) {
      const execution = new Execution(this, id);
      this.open.set(id, execution);
      try {
        return await executions.run(execution, () => workflow(...(given as never[])));
      } catch (error) {
        if (!(error instanceof ContinueAsNew)) throw error;
        this.counts.continued += 1;
        const carried = JSON.stringify(error.args);
        this.largestCarried = Math.max(this.largestCarried, carried.length);
        given = JSON.parse(carried) as unknown[];
      } finally {
        this.open.delete(id);
        const kind = workflow.name;
        this.longest.set(kind, Math.max(this.longest.get(kind) ?? 0, execution.history));
      }
    }
  }
}

/** Resolves when every promise that can go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Entry {
  at: number;
  order: number;
  act: () => Execution | undefined | void;
}

/** What is to happen, the earliest first; what falls on the same moment in the order it was added. */
class Agenda {
  private readonly heap: Entry[] = [];
  private order = 0;

  add(at: number, act: Entry['act']): void {
    const { heap } = this;
    const entry = { at, order: this.order++, act };
    let place = heap.push(entry) - 1;
    for (let parent = (place - 1) >> 1; place > 0 && precedes(entry, heap[parent]!); parent = (place - 1) >> 1) {
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  /** The earliest entry not later than a moment. */
  take(until: number): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    if (first === undefined || first.at > until) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.sink(last);
    return first;
  }

  private sink(entry: Entry): void {
    const { heap } = this;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child += 1;
      if (!precedes(heap[child]!, entry)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = entry;
  }
}

function precedes(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
