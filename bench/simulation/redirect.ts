/** A module hook of Node: workflow code gets the simulation's {@link ./temporal-workflow.ts} for Temporal's SDK. */
import type { ResolveHook } from 'node:module';

const STAND_IN = new URL('./temporal-workflow.js', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === '@temporalio/workflow' && /\/workflows\/[^/]+\.[jt]s$/.test(context.parentURL ?? '')
    ? { url: STAND_IN, shortCircuit: true }
    : next(specifier, context);
