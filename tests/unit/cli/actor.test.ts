import { userInfo } from 'node:os';
import type * as Os from 'node:os';
import { expect, it, vi } from 'vitest';
import { actorName, requestedBy } from '../../../apps/cli/actor.js';

vi.mock('node:os', async (original) => {
  const os = await original<typeof Os>();
  return { ...os, userInfo: vi.fn(os.userInfo) };
});

it('is the account, and the reason is empty where none is given', () => {
  expect(requestedBy('tired')).toEqual({ actor: userInfo().username, reason: 'tired' });
  expect(requestedBy().reason).toBe('');
});

it('is a number where the account has no name', () => {
  vi.mocked(userInfo).mockImplementationOnce(() => {
    throw new Error('A system error occurred: uv_os_get_passwd returned ENOENT (no such file or directory)');
  });
  expect(actorName()).toBe(`uid ${process.getuid!()}`);
});
