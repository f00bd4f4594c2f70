import type { ExampleRow, FeedbackEvent } from '../../../config/domain.js';

/** A complete feedback event; only what a test is about is written in the test. */
export function feedbackEvent(change: Partial<FeedbackEvent> = {}): FeedbackEvent {
  return {
    id: 'event-1',
    ts: '2026-11-20T12:00:00Z',
    input_data: 'A customer places orders.',
    ai_output: 'erDiagram customer ||--o{ order : places',
    artifact_type: 'erd',
    model_used: 'base',
    validation_score: 80,
    feedback_type: 'SUCCESS',
    context: {},
    ...change,
  };
}

/** A complete training example. */
export function example(change: Partial<ExampleRow> = {}): ExampleRow {
  return {
    id: 'example-1',
    eventId: 'event-1',
    artifactType: 'erd',
    input: 'a customer',
    target: 'customer',
    source: 'correction',
    difficulty: 0.5,
    reward: 0.5,
    labelScore: 100,
    hardNegative: false,
    split: 'train',
    ...change,
  };
}
