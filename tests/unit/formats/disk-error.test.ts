import { open } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { diskError } from '../../../engine/formats/disk-error.js';

describe('diskError', () => {
  it.runIf(process.platform === 'linux')('turns the ENOSPC of a full device into E_DISK_FULL with a hint', async () => {
    const device = await open('/dev/full', 'w');
    const error: unknown = await device.write(Buffer.from('x')).catch((reason: unknown) => reason);
    await device.close();
    expect(diskError(error, 'saving')).toMatchObject({
      code: 'E_DISK_FULL',
      retryable: true,
      hint: expect.stringContaining('Free some space') as string,
    });
  });

  it.each([
    ['EROFS', 'E_DATA_FOLDER'],
    ['EDQUOT', 'E_DISK_FULL'],
    ['EFBIG', 'E_DISK_FULL'],
    ['EACCES', 'E_DATA_FOLDER'],
    ['ENOTDIR', 'E_DATA_FOLDER'],
    ['ENOENT', 'E_NOT_FOUND'],
  ])('%s is %s', (code, expected) => {
    expect(diskError(Object.assign(new Error('x'), { code }), 'saving')).toMatchObject({ code: expected });
  });

  it('leaves any other error alone', () => {
    const error = new TypeError('x');
    expect(diskError(error, 'saving')).toBe(error);
  });
});
