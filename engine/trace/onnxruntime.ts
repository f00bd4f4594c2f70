import type * as OnnxRuntime from 'onnxruntime-node';

/**
 * onnxruntime's own builds, since 1.29 on Linux, too, keep a device id and report sessions, models and errors to Microsoft
 * unless the environment forbids it before the library is loaded. What is trained here is nobody else's business. To be
 * called by whoever starts a thread that loads it, too: only the main thread's `process.env` is the environment that the
 * library reads.
 */
export function forbidTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
}

/** The one way to onnxruntime. */
export function loadOnnxRuntime(): Promise<typeof OnnxRuntime> {
  forbidTelemetry();
  return import('onnxruntime-node');
}
