const REDACTED = '[redacted]';
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'cookie',
]);
/** A shorter key is only replaced where it is the whole text: inside others it would hit ordinary words. */
const SHORTEST_PART = 8;

/** Replaces every secret in a text. */
export function redactText(text: string, secrets: readonly string[]): string {
  if (secrets.includes(text)) return REDACTED;
  return secrets
    .filter((secret) => secret.length >= SHORTEST_PART)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
}

/**
 * A copy of a JSON value with every secret replaced: in texts and keys, wherever they stand, and the whole value of
 * members that carry credentials by their name (`Authorization`, `x-api-key`, …).
 */
export function redact(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return redactText(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redact(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      redactText(key, secrets),
      SECRET_HEADERS.has(key.toLowerCase()) ? REDACTED : redact(member, secrets),
    ]),
  );
}
