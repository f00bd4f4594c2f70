import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { check } from '../../../apps/cli/doctor/check.js';
import { checkDataFolder, checkNode } from '../../../apps/cli/doctor/machine.js';
import { doctorLine, doctorSummary } from '../../../apps/cli/render/doctor.js';
import { faultLines, toFault } from '../../../apps/cli/render/error.js';
import { importLines } from '../../../apps/cli/render/import.js';
import { ledgerLines } from '../../../apps/cli/render/ledger.js';
import { bytes, change, duration, loss, percent, score } from '../../../apps/cli/render/numbers.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { supervisorLine } from '../../../apps/cli/render/supervisor-events.js';
import { ERROR_CODES, RatchetError, type ErrorCode } from '../../../config/errors.js';

const plain = createStyle(false);

describe('faults', () => {
  it('print code, message and hint; the stack only when asked for', () => {
    const fault = toFault(new RatchetError('E_LOCKED', 'The folder is in use.', { hint: 'Use another one.' }));
    expect(faultLines(fault, plain, false)).toEqual([
      'error E_LOCKED: The folder is in use.',
      'hint: Use another one.',
    ]);
    expect(faultLines(fault, plain, true).at(-1)).toContain('lines.test.ts');
  });

  it('exit with the code of their kind', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect(toFault(new RatchetError(code, '')).exitCode).toBe(ERROR_CODES[code].exitCode);
    }
    expect(toFault('thrown text')).toMatchObject({ code: 'E_INTERNAL', message: 'thrown text', exitCode: 1 });
  });

  it('of a path are not faults of the program', () => {
    const file = fileURLToPath(import.meta.url);
    const thrownBy = (work: () => unknown) => {
      try {
        return work();
      } catch (error) {
        return toFault(error);
      }
    };
    expect(thrownBy(() => readdirSync(file))).toMatchObject({
      code: 'E_DATA_FOLDER',
      message: `${file} is no folder, or lies in none (ENOTDIR).`,
      exitCode: 4,
    });
    expect(thrownBy(() => readFileSync(path.dirname(file)))).toMatchObject({ code: 'E_DATA_INVALID', exitCode: 3 });
    expect(thrownBy(() => readFileSync(`${file}.none`))).toMatchObject({
      code: 'E_NOT_FOUND',
      message: `${file}.none does not exist (ENOENT).`,
      exitCode: 6,
    });
    const system = (code: string) => Object.assign(new Error(`${code}: said the system`), { code, path: '/x' });
    for (const code of ['EACCES', 'EPERM', 'EROFS'])
      expect(toFault(system(code))).toMatchObject({ code: 'E_DATA_FOLDER', exitCode: 4 });
    for (const code of ['ENOSPC', 'EDQUOT'])
      expect(toFault(system(code))).toMatchObject({ code: 'E_DISK_FULL', exitCode: 4 });
    expect(toFault(system('EWHATEVER'))).toMatchObject({ code: 'E_INTERNAL', exitCode: 1 });
  });

  it('inside a workflow are told as what they are', () => {
    const fault = ApplicationFailure.create({
      message: 'a.jsonl has no row.',
      type: 'E_DATA_INVALID',
      details: [{ hint: 'Give it rows.' }],
    });
    const activity = new ActivityFailure('Activity task failed', 'parse', '1', 'NON_RETRYABLE_FAILURE', 'me', fault);
    const child = new ChildWorkflowFailure('default', { workflowId: 'w', runId: 'r' }, 'child', 'TIMEOUT', activity);
    for (const cause of [fault, activity, child])
      expect(toFault(new WorkflowFailedError('Workflow execution failed', cause, 'TIMEOUT'))).toMatchObject({
        code: 'E_DATA_INVALID',
        message: 'a.jsonl has no row.',
        hint: 'Give it rows.',
        exitCode: 3,
      });
    const other = new WorkflowFailedError('Workflow execution failed', ApplicationFailure.nonRetryable('x'), 'TIMEOUT');
    expect(toFault(other)).toMatchObject({ code: 'E_INTERNAL', message: 'Workflow execution failed' });
  });
});

describe('numbers', () => {
  it('are short and never NaN', () => {
    expect([score(85), score(null), score(Number.NaN), percent(0.625), percent(undefined)]).toEqual([
      '85.0',
      '–',
      '–',
      '62.5 %',
      '–',
    ]);
    expect([loss(0.43211), loss(12.3456), loss(Number.POSITIVE_INFINITY)]).toEqual(['0.4321', '12.35', '–']);
    expect([bytes(512e6), bytes(25.34e9)]).toEqual(['512 MB', '25.3 GB']);
    expect([change(1, 3), change(3, 1), change(1, 1.04)]).toEqual(['+2.0', '−2.0', '±0']);
  });

  it('give durations without a gap between the units', () => {
    expect([0.04, 9.94, 9.96, 59.4, 59.6, 60, 185, 3599.6, 7620, null].map(duration)).toEqual([
      '0.0 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 00 s',
      '1 min 00 s',
      '3 min 05 s',
      '1 h 00 min',
      '2 h 07 min',
      '–',
    ]);
  });
});

describe('doctor', () => {
  it('wants a folder for the data, or a place where one can be made', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'doctor-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    expect(await checkDataFolder(folder)).toMatchObject({ status: 'ok', detail: folder });
    const later = path.join(folder, 'a', 'b');
    expect(await checkDataFolder(later)).toMatchObject({ status: 'ok', detail: `${later} (will be made)` });
    for (const wrong of [file, path.join(file, 'a')])
      expect(await checkDataFolder(wrong)).toMatchObject({ status: 'fail', detail: `${file} is no folder` });
  });

  it('prints a fix under what is wrong', () => {
    const checks = [
      checkNode('18.19.0'),
      checkNode('20.19.0'),
      checkNode('24.0.1'),
      check('GPU', 'optional', 'none found'),
    ];
    expect(`\n${checks.flatMap((found) => doctorLine(found, plain)).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      fail      Node             18.19.0
                                 fix: Install Node 20.19 or newer (22 and 24 are supported).
      ok        Node             20.19.0
      ok        Node             24.0.1
      optional  GPU              none found
      "
    `);
    expect(doctorSummary(checks, plain)).toBe('1 to mend before Ratchet can run.');
  });

  it('tells warnings from failures', () => {
    expect(doctorSummary([check('disk', 'warn', '1 GB')], plain)).toBe('Ratchet can run; 1 to look at.');
    expect(doctorSummary([check('disk', 'ok', '9 GB')], plain)).toBe('Everything Ratchet needs is here.');
  });
});

describe('an import', () => {
  it('shows counts and the first rejected rows', () => {
    const rejectedSample = [3, 5, 8, 9, 11, 12].map((line) => ({
      source: 'feedback.jsonl',
      line,
      field: 'validation_score',
      reason: 'is above 100',
    }));
    const result = {
      read: 20,
      accepted: 9,
      duplicates: 4,
      conflicts: 1,
      rejected: 6,
      rejectedSample,
      warnings: ['odd'],
    };
    expect(`\n${importLines('main', result, plain).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      loop main · 20 read · 9 new · 4 known · 6 rejected
        1 with a known id and another content: the first ones stay
        feedback.jsonl:3: validation_score is above 100
        feedback.jsonl:5: validation_score is above 100
        feedback.jsonl:8: validation_score is above 100
        feedback.jsonl:9: validation_score is above 100
        feedback.jsonl:11: validation_score is above 100
        … and 1 more: \`npx ratchet feedback rejected\` shows them
        odd
      "
    `);
  });
});

describe('supervisor events', () => {
  it('are told in words; first starts only with --verbose', () => {
    const started = { type: 'started', name: 'gpu-worker', pid: 12, restarts: 0 } as const;
    expect(supervisorLine(started, plain, false)).toBeNull();
    expect(
      [
        supervisorLine(started, plain, true),
        supervisorLine({ ...started, restarts: 2 }, plain, false),
        supervisorLine(
          { type: 'server-located', server: { kind: 'cache', path: '/x', version: '1.5.1' } },
          plain,
          false,
        ),
        supervisorLine({ type: 'server-located', server: { kind: 'address', address: 'here:7233' } }, plain, false),
        supervisorLine(
          { type: 'exited', name: 'gpu-worker', code: null, signal: 'SIGKILL', restartInMilliseconds: 200 },
          plain,
          false,
        ),
      ].join('\n'),
    ).toMatchInlineSnapshot(`
      "gpu-worker started, process 12
      gpu-worker started again (restart 2)
      Temporal 1.5.1, from the cache
      Temporal at here:7233 (configured)
      gpu-worker ended (SIGKILL); starting again in 0.2 s"
    `);
  });
});

describe('the ledger', () => {
  it('counts the reasons and shows the newest rows, each on a line of its own', () => {
    const raw = `{"id":"e7",\n"input_data":"${'a shop sells items '.repeat(5)}"}`;
    const lines = ledgerLines(
      {
        rows: 12,
        reasons: [
          { source: 'training', field: 'completion', reason: 'has … tokens', rows: 11 },
          { source: 'events.jsonl', field: '', reason: 'torn record', rows: 1 },
        ],
        newest: [{ at: '', source: 'events.jsonl', line: 3, field: '', reason: 'torn record', raw }],
      },
      plain,
    );
    expect(lines).toEqual([
      '12 rows were refused',
      '',
      'rows  by            why',
      '  11  training      completion has … tokens',
      '   1  events.jsonl  torn record',
      '',
      'The newest 1',
      '',
      'events.jsonl:3: torn record',
      '  {"id":"e7", "input_data":"a shop sells items a shop sells i…',
    ]);
    expect(ledgerLines({ rows: 0, reasons: [], newest: [] }, plain)).toEqual(['No row was refused.']);
  });
});
