import { z } from 'zod';
import { ARTIFACT_TYPES, FEEDBACK_TYPES, IMPLICIT_ACTIONS, type FeedbackEvent } from '../../config/domain.js';

const text = z.string().refine((value) => value.isWellFormed(), 'holds half of a surrogate pair');
const filled = text.refine((value) => value.trim() !== '', 'is empty');
const optionalText = text.nullish().transform((value) => value ?? undefined);
const isBlank = (value: string | undefined) => (value ?? '').trim() === '';

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
    // Exporters write a blank text for "none": an answer is not corrected to nothing.
    corrected_output: optionalText.transform((value) => (isBlank(value) ? undefined : value)),
    rejected_output: optionalText,
    implicit_action: z
      .enum(IMPLICIT_ACTIONS, `is not one of ${IMPLICIT_ACTIONS.join(', ')}`)
      .nullish()
      .transform((value) => value ?? undefined),
    source: filled
      .refine((value) => value.length <= 200, 'is longer than 200 characters')
      .nullish()
      .transform((value) => value ?? undefined),
  })
  .superRefine((event, checked) => {
    const { feedback_type: type, ai_output, corrected_output, rejected_output, implicit_action } = event;
    const refuse = (field: string, message: string) => checked.addIssue({ code: 'custom', path: [field], message });
    if ((type === 'USER_CORRECTION' || type === 'EDIT') && corrected_output === undefined)
      refuse('corrected_output', `${type === 'EDIT' ? 'an EDIT' : 'a USER_CORRECTION'} needs the corrected text`);
    if (type === 'PREFERENCE' && (rejected_output ?? ai_output) === ai_output)
      refuse('rejected_output', 'a PREFERENCE needs another answer that the user likes less');
    if (type === 'IMPLICIT' && implicit_action === undefined)
      refuse('implicit_action', `IMPLICIT feedback needs one of ${IMPLICIT_ACTIONS.join(', ')}`);
    if (type !== 'PREFERENCE' && !isBlank(rejected_output))
      refuse('rejected_output', 'only a PREFERENCE has another answer');
    if (type !== 'IMPLICIT' && implicit_action !== undefined)
      refuse('implicit_action', 'only IMPLICIT feedback has an action');
  })
  .transform((event) => (event.feedback_type === 'PREFERENCE' ? event : { ...event, rejected_output: undefined }));

/**
 * Checks one feedback event of unknown origin (requirements §5). Times are normalised to UTC, absent context becomes
 * `{}`, unknown fields are dropped. A blank correction counts as absent, and so does a blank other answer, which only a
 * `PREFERENCE` may have. Of an invalid event the first wrong field is named.
 */
export function validateFeedbackEvent(value: unknown): { event: FeedbackEvent } | { field: string; reason: string } {
  const result = Event.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const field = issue!.path.join('.');
    const missing = field !== '' && !issue!.path.slice(0, -1).length && !Object.hasOwn(value as object, field);
    return { field, reason: missing ? 'is missing' : issue!.message };
  }
  const { context, ...event } = result.data;
  return { event: { ...present(event), context: present(context ?? {}) } };
}

/** Without the members that are absent. */
function present<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const result: Partial<T> = {};
  for (const key in value) if (value[key] !== undefined) result[key] = value[key];
  return result as never;
}
