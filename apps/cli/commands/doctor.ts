import { Command } from 'commander';
import { outputOf, resolveConfig, withCommonOptions, type CommonOptions } from '../command-context.js';
import type { Check } from '../doctor/check.js';
import { checkCpu, checkDataFolder, checkDisk, checkMemory, checkNode } from '../doctor/machine.js';
import { checkComputeDevices } from '../doctor/devices.js';
import { checkDuckDb, checkOnnxRuntime } from '../doctor/native.js';
import { checkGpu, checkServer, checkTorch } from '../doctor/surroundings.js';
import { doctorLine, doctorSummary } from '../render/doctor.js';

/** `ratchet doctor`: what this machine has, what it lacks, and how to mend it. */
export function doctorCommand(): Command {
  const command = new Command('doctor').action(async (options: CommonOptions) => {
    process.exitCode = await runDoctor(options);
  });
  return withCommonOptions(command, ['doctor', 'doctor --json', 'doctor --data /var/lib/ratchet']);
}

async function runDoctor(options: CommonOptions): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options);
  const looks: (() => Check | Promise<Check | Check[]>)[] = [
    checkNode,
    checkCpu,
    checkMemory,
    () => checkDisk(dataFolder),
    () => checkDataFolder(dataFolder),
    checkOnnxRuntime,
    checkDuckDb,
    () => checkServer(config, dataFolder),
    checkComputeDevices,
    checkGpu,
    checkTorch,
  ];
  const checks: Check[] = [];
  for (const look of looks) {
    output.progress('looking …');
    for (const found of [await look()].flat()) {
      checks.push(found);
      output.object({ event: 'check', ...found });
      for (const line of doctorLine(found, output.style)) output.line(line);
    }
  }
  output.progress('');
  const good = checks.every((found) => found.status !== 'fail');
  output.line();
  output.line(doctorSummary(checks, output.style));
  output.object({ ok: good, checks });
  return good ? 0 : 1;
}
