import { parentPort, workerData } from 'node:worker_threads';
import { compileProgram, interpret } from './interpret.js';
import type { IsolatedJob, IsolatedProgram, IsolatedReport, IsolatedResult } from './run-isolated.js';
import { ProgramError } from './syntax.js';

const { programs, fuel } = workerData as IsolatedJob;
const report = (data: IsolatedReport) => parentPort!.postMessage(data, []);

function message(error: unknown): string {
  if (error instanceof ProgramError) return `${error.kind}: ${error.message}`;
  return `limit: ${error instanceof Error ? error.message : String(error)}`;
}

function run({ source, inputs }: IsolatedProgram): IsolatedResult {
  try {
    const compiled = compileProgram(source);
    const outputs = inputs.map((input) => {
      try {
        return { value: interpret(compiled, input, fuel) };
      } catch (error) {
        return { error: message(error) };
      }
    });
    return { outputs };
  } catch (error) {
    return { error: message(error) };
  }
}

report({ ready: true });
for (const [index, program] of programs.entries()) report({ index, result: run(program) });
