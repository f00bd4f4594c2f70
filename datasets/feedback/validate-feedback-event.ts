import { z } from 'zod';
import { ARTIFACT_TYPES, FEEDBACK_TYPES, type FeedbackEvent } from '../../config/domain.js';

const text = z.string().refine((value) => !/\p{Surrogate}/u.test(value), 'holds half of a surrogate pair');
const filled = text.refine((value) => value.trim() !== '', 'is empty');
const optionalText = text.nullish().transform((value) => value ?? undefined);

const Event = z
  .object({
    id: filled.refine((value) => value.length <= 200, 'is longer than 200 characters'),
    ts: z.iso
      .datetime({ offset: true, error: 'is not an ISO 8601 time with a zone, such as 2026-11-21T14:05:00Z' })
      .refine((value) => !Number.isNaN(Date.parse(value)), 'is not a date')
      .transform((value) => new Date(value).toISOString()),
    input_data: filled,
    ai_output: text,
    artifact_type: z.enum(ARTIFACT_TYPES, `is not one of ${ARTIFACT_TYPES.join(', ')}`),
    model_used: filled,
    validation_score: z.number('is not a number').min(0, 'is below 0').max(100, 'is above 100'),
    feedback_type: z.enum(FEEDBACK_TYPES, `is not one of ${FEEDBACK_TYPES.join(', ')}`),
    context: z.object({ rag: optionalText, notes: optionalText }).nullish(),
    corrected_output: optionalText,
  })
  .refine((event) => event.feedback_type !== 'USER_CORRECTION' || (event.corrected_output ?? '').trim() !== '', {
    path: ['corrected_output'],
    error: 'a USER_CORRECTION needs the corrected text',
  });

/**
 * Checks one feedback event of unknown origin (requirements §5). Times are normalised to UTC, absent context becomes
 * `{}`, unknown fields are dropped. Of an invalid event the first wrong field is named.
 */
export function validateFeedbackEvent(value: unknown): { event: FeedbackEvent } | { field: string; reason: string } {
  const result = Event.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const field = issue!.path.join('.');
    const missing = field !== '' && !issue!.path.slice(0, -1).length && !Object.hasOwn(value as object, field);
    return { field, reason: missing ? 'is missing' : issue!.message };
  }
  const { context, corrected_output, ...rest } = result.data;
  return {
    event: {
      ...rest,
      context: Object.fromEntries(Object.entries(context ?? {}).filter(([, member]) => member !== undefined)),
      ...(corrected_output === undefined ? {} : { corrected_output }),
    },
  };
}
