import { loadClientConfigProfile, type ClientConfigProfile } from '@temporalio/envconfig';
import { RatchetError } from '../config/errors.js';

/**
 * What Temporal's own TOML file (`TEMPORAL_CONFIG_FILE`, `TEMPORAL_PROFILE`) and variables say of a connection; the
 * variables lie over the file.
 *
 * @throws RatchetError `E_CONFIG_INVALID` for a file that cannot be read
 */
export function temporalProfile(env: NodeJS.ProcessEnv = process.env): ClientConfigProfile {
  try {
    const overrideEnvVars = Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    return loadClientConfigProfile({ overrideEnvVars });
  } catch (error) {
    throw new RatchetError('E_CONFIG_INVALID', `Temporal's own configuration is wrong: ${(error as Error).message}`, {
      hint: 'Correct the TOML file that TEMPORAL_CONFIG_FILE (or ~/.config/temporalio/temporal.toml) names.',
      cause: error,
    });
  }
}
