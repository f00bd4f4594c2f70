import { createServer } from 'node:net';
import { RatchetError } from '../../config/errors.js';

/**
 * The port itself when it is free, or a free one for 0.
 *
 * Throws E_SERVER_UNAVAILABLE when another process listens on it; `setting` names the key to change.
 */
export async function claimPort(ip: string, port: number, setting: string): Promise<number> {
  try {
    return await listenOnce(ip, port);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EADDRINUSE' ? 'is used by another process' : 'may not be opened by this user';
    throw new RatchetError('E_SERVER_UNAVAILABLE', `Port ${port} on ${ip} ${why}.`, {
      hint: `Set ${setting} to another port, or to 0 for any free one; if a Temporal server runs there, set connection.address to ${ip}:${port}.`,
      retryable: false,
      cause: error,
    });
  }
}

function listenOnce(ip: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, ip, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
