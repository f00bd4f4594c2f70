import { RatchetError } from '../../config/errors.js';

/**
 * The URL of a path under a configured base URL.
 *
 * @throws RatchetError `E_CONFIG_INVALID` unless the base is http(s) without credentials, query and fragment
 */
export function endpoint(baseUrl: string, path: string): URL {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw refused(baseUrl, 'is no http or https address');
  if (url.username !== '' || url.password !== '') throw refused(url.origin, 'holds a user name or password');
  if (url.search !== '' || url.hash !== '') throw refused(url.origin + url.pathname, 'holds a query or fragment');
  return new URL(`${url.origin}${url.pathname.replace(/\/+$/, '')}${path}`);
}

const refused = (baseUrl: string, why: string) =>
  new RatchetError('E_CONFIG_INVALID', `the base URL of a provider, ${baseUrl}, ${why}`, {
    hint: 'Write it as https://host/path; keys come from an environment variable.',
  });
