import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { ARCHITECTURES } from '../../engine/nn/config.js';
import { checkGeneration, checkLogitsProcessors, processorsFile, type GenerationExpectation } from './generate.js';
import { checkChat } from './chat.js';
import { checkPreferences } from './dpo.js';
import { checkImportances } from './importances.js';
import { checkLora } from './lora.js';
import { checkModel } from './models.js';
import { checkNf4Group } from './nf4.js';
import { checkPruners } from './pruners.js';
import { CaseRecorder, type ParityReport } from './report.js';
import { checkSample } from './samples.js';
import { checkSchedules } from './schedules.js';
import { checkSelection } from './selection.js';
import { checkStatistics } from './statistics.js';
import { checkTextMetrics } from './text-metrics.js';
import { checkTokenizer } from './tokenizers.js';
import { checkTpe } from './tpe.js';
import { checkTpeInternals } from './tpe-internals.js';

const supported: readonly string[] = ARCHITECTURES;

/** Fixtures of hyperparameter tuning, each one file. */
const TUNING: Record<string, (fixture: never, record: CaseRecorder) => void> = {
  'tpe.json': checkTpe,
  'tpe-internals.json': checkTpeInternals,
  'pruners.json': checkPruners,
  'importances.json': checkImportances,
};

async function list(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8')) as unknown;
}

/** The architecture a folder is about: from its own config, or from the trajectory's meta data. */
async function architectureOf(folder: string): Promise<string> {
  const names = await list(folder);
  if (names.includes('config.json')) {
    return String(((await readJson(join(folder, 'config.json'))) as { model_type?: unknown }).model_type);
  }
  const trajectory = (await readJson(join(folder, 'trajectory.json'))) as { meta: { arch?: unknown } };
  return String(trajectory.meta.arch);
}

/**
 * Compares this engine with the reference numbers in a folder laid out like `tests/parity/fixtures` (see the README
 * there). A case that throws has failed; one for which there is no implementation is unknown.
 *
 * @throws RatchetError `E_NOT_FOUND` when the folder holds no fixtures
 */
export async function runParity(folder: string): Promise<ParityReport> {
  const report: ParityReport = { passed: 0, failed: 0, unknown: 0, failures: [], cases: [] };
  const check = async (name: string, work: (record: CaseRecorder) => Promise<void>): Promise<void> => {
    const record = new CaseRecorder(report, name);
    try {
      await work(record);
    } catch (error) {
      record.failed('', (error as Error).message);
    }
  };
  const groups = await list(folder);
  if (groups.length === 0)
    throw new RatchetError('E_NOT_FOUND', `${folder} holds no fixtures.`, { hint: 'Check the path.' });
  for (const group of groups) {
    const path = join(folder, group);
    if (group === 'models' || group === 'lora') {
      for (const name of await list(path)) {
        if (name.startsWith('base_')) continue;
        await check(`${group}/${name}`, async (record) => {
          const architecture = await architectureOf(join(path, name));
          if (!supported.includes(architecture)) return record.unknown('', `${architecture} is not implemented`);
          return group === 'models' ? checkModel(join(path, name), record) : checkLora(join(path, name), record);
        });
      }
    } else if (group === 'tokenizers') {
      for (const name of await list(path)) {
        if (name.endsWith('.txt')) continue;
        await check(`tokenizers/${name}`, (record) => checkTokenizer(join(path, name), record));
      }
    } else if (group === 'nf4') {
      for (const name of await list(path)) await check(`nf4/${name}`, (record) => checkNf4Group(path, name, record));
    } else if (group === 'chat') {
      await check('chat', (record) => checkChat(path, record));
    } else if (group.startsWith('sentiment140-') || group.startsWith('commonsenseqa-')) {
      // The sample is compared with the file of expectations beside it.
      if (!group.endsWith('-expected.json')) await check(group.split('-')[0]!, (record) => checkSample(path, record));
    } else if (group === 'generate') {
      await check('generate', (record) => checkGenerateGroup(path, report, record));
    } else if (group === 'dpo') {
      await checkPreferences(path, await list(path), report);
    } else if (group === 'schedules.json') {
      await check('schedules', () => checkSchedules(path, report));
    } else if (group === 'text-metrics.json') {
      await check('text-metrics', async (record) =>
        checkTextMetrics((await readJson(path)) as Record<string, unknown>, record),
      );
    } else if (group === 'selection.json') {
      await check('selection', (record) => checkSelection(path, record));
    } else if (group in TUNING) {
      await check(group.replace('.json', ''), async (record) =>
        TUNING[group]!((await readJson(path)) as never, record),
      );
    } else if (group === 'statistics.json') {
      await check('statistics', (record) => checkStatistics(path, record));
    } else if (!group.startsWith('README')) {
      await countUnknown(path, group, report);
    }
  }
  return report;
}

async function checkGenerateGroup(path: string, report: ParityReport, record: CaseRecorder): Promise<void> {
  const expected = (await readJson(join(path, 'expected.json'))) as Record<string, GenerationExpectation>;
  for (const [name, expectation] of Object.entries(expected)) {
    const own = new CaseRecorder(report, `generate/${name}`);
    try {
      if (supported.includes(name)) await checkGeneration(join(path, name), expectation, own);
      else for (const item of Object.keys(expectation.cases)) own.unknown(item, `${name} is not implemented`);
    } catch (error) {
      own.failed('', (error as Error).message);
    }
  }
  if ((await list(path)).includes('logits_processors.safetensors')) {
    const own = new CaseRecorder(report, 'generate/logits_processors');
    await checkLogitsProcessors(processorsFile(path), own).catch((error: unknown) =>
      own.failed('', (error as Error).message),
    );
  } else {
    record.unknown('logits_processors', 'the folder has no such file');
  }
}

/** Fixtures without a check: one unknown for each file, or for each entry of a folder. */
async function countUnknown(path: string, group: string, report: ParityReport): Promise<void> {
  const entries = await list(path);
  const record = new CaseRecorder(report, group);
  if (entries.length === 0) record.unknown('', 'no check for this file');
  for (const entry of entries) record.unknown(entry, 'no check for this file');
}
