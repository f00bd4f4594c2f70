import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { afterEach, describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../config/schema.js';
import { locateServer } from '../../workers/server/locate.js';
import { lockHolder, supervisorLockFile, type SupervisorHolder } from '../../workers/lock.js';
import { processStart } from '../../workers/process-identity.js';
import { until } from './environment.js';

interface Message {
  type: string;
  name?: string;
  pid?: number;
  restarts?: number;
  code?: string | number | null;
  message?: string;
  hint?: string;
  address?: string;
  uiUrl?: string;
  attached?: boolean;
  processes?: { name: string; pid: number; restarts: number }[];
}

const script = (name: string) => fileURLToPath(new URL(`processes/${name}.mjs`, import.meta.url));
const started: ChildProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function dataFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-up-'));
  folders.push(folder);
  return folder;
}

class Supervisor {
  readonly messages: Message[] = [];
  readonly process: ChildProcess;

  constructor(data: string, worker = 'idle-worker', overrides: object = {}, more: Record<string, string> = {}) {
    const { TEMPORAL_ADDRESS: _address, ...env } = { ...process.env, ...more };
    this.process = spawn(process.execPath, [script('supervisor'), data, script(worker), JSON.stringify(overrides)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env,
    });
    started.push(this.process);
    if (this.process.stdout === null) throw new Error('no output');
    createInterface(this.process.stdout).on('line', (line) => this.messages.push(JSON.parse(line) as Message));
  }

  async message(what: string, matches: (message: Message) => boolean): Promise<Message> {
    await until(`the supervisor says ${what}`, () => this.messages.some(matches), 60_000).catch((error: Error) => {
      throw new Error(`${error.message}; it said ${JSON.stringify(this.messages)}`);
    });
    return this.messages.find(matches) as Message;
  }

  running(): Promise<Message> {
    return this.message('that it runs', ({ type }) => type === 'running');
  }

  pid(name: string): number {
    return this.messages.findLast((message) => message.type === 'started' && message.name === name)?.pid ?? 0;
  }
}

/** Processes of this machine whose command line names the data folder. */
function processesOf(data: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data) && processStart(Number(pid)) !== null;
      } catch {
        return false;
      }
    });
}

async function answers(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1_000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

describe('W2 the supervisor', () => {
  it('W2: starts the server and the workers, keeps histories 30 days, stops everything on SIGTERM', async () => {
    const data = dataFolder();
    const supervisor = new Supervisor(data);
    const running = await supervisor.running();
    expect(running.processes?.map(({ name, restarts }) => [name, restarts])).toEqual([
      ['server', 0],
      ['one', 0],
      ['two', 0],
    ]);
    const connection = await Connection.connect({ address: running.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(720 * 3600);
    await connection.close();
    expect((await fetch(running.uiUrl ?? '')).status).toBe(200);
    expect(readFileSync(path.join(data, 'logs', 'idle-worker.log'), 'utf8')).toContain('"msg":"starting"');
    supervisor.process.kill('SIGTERM');
    await once(supervisor.process, 'exit');
    expect(supervisor.process.exitCode).toBe(0);
    await until('nothing is left', () => processesOf(data).length === 0);
    expect(existsSync(supervisorLockFile(data))).toBe(false);
  });

  it('W2: starts a killed worker again, and a killed server on the same ports', async () => {
    const data = dataFolder();
    const supervisor = new Supervisor(data);
    const { address = '' } = await supervisor.running();
    for (const name of ['one', 'server']) {
      const killed = supervisor.pid(name);
      process.kill(killed, 'SIGKILL');
      await supervisor.message(`that ${name} is back`, (message) => message.name === name && message.restarts === 1);
      expect(supervisor.pid(name)).not.toBe(killed);
    }
    expect(await answers(address)).toBe(true);
    await until('others can see it', () => {
      const holder = lockHolder<SupervisorHolder>(supervisorLockFile(data));
      return holder?.server?.pid === supervisor.pid('server') && holder.processes[1]?.restarts === 1;
    });
  });

  it('W2: the second `up` joins the first, and learns when it ends', async () => {
    const data = dataFolder();
    const first = new Supervisor(data);
    const second = new Supervisor(data);
    const messages = await Promise.all([first.running(), second.running()]);
    expect(messages.map(({ attached }) => attached).sort()).toEqual([false, true]);
    expect(messages[0].address).toBe(messages[1].address);
    expect(messages[0].processes).toEqual(messages[1].processes);
    const [owner, guest] = messages[0].attached ? [second, first] : [first, second];
    owner.process.kill('SIGTERM');
    const failed = await guest.message('that it has ended', ({ type }) => type === 'failed');
    expect(failed.message).toContain(`Process ${owner.process.pid}`);
  });

  it('W2: leaves no process behind when it is killed itself, and the next one starts', async () => {
    const data = dataFolder();
    const supervisor = new Supervisor(data);
    await supervisor.running();
    expect(processesOf(data).length).toBeGreaterThanOrEqual(4);
    supervisor.process.kill('SIGKILL');
    await until('nothing is left', () => processesOf(data).length === 0, 10_000);
    const next = new Supervisor(data);
    expect((await next.running()).attached).toBe(false);
  });

  it('W2: leaves no server behind when it is killed while the server starts', async () => {
    const data = dataFolder();
    const supervisor = new Supervisor(data);
    await until('the server is there', () => processesOf(data).some((pid) => pid !== String(supervisor.process.pid)));
    supervisor.process.kill('SIGKILL');
    await until('nothing is left', () => processesOf(data).length === 0, 10_000);
  });

  it('W2: starts a server again that ends before it answers, as one whose port was taken meanwhile', async () => {
    const located = await locateServer({ config: RatchetConfig.parse({}) });
    if (located.kind === 'address') throw new Error('no server of our own');
    const bin = dataFolder();
    const fails = `echo x >> ${bin}/starts; [ $(wc -l < ${bin}/starts) -gt 2 ] || exit 1`;
    const program = `#!/bin/sh\n[ "$1" = server ] && { ${fails}; }\nexec ${located.path} "$@"\n`;
    writeFileSync(path.join(bin, 'temporal'), program, { mode: 0o755 });
    const supervisor = new Supervisor(dataFolder(), 'idle-worker', {}, { PATH: `${bin}:${process.env['PATH']}` });
    await supervisor.running();
    expect(readFileSync(path.join(bin, 'starts'), 'utf8')).toBe('x\nx\nx\n');
  });

  it('W2: reports a worker that cannot start, once, and stops the rest', async () => {
    const data = dataFolder();
    const supervisor = new Supervisor(data, 'broken-worker');
    const error = await supervisor.message('why', ({ type }) => type === 'error');
    expect(error).toMatchObject({ code: 'E_MODEL_INVALID', message: 'the base model is broken', hint: 'Mend it.' });
    await until('nothing is left', () => processesOf(data).length === 0);
  });

  it('W2: reports a port that is in use, naming the setting', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as { port: number };
    const supervisor = new Supervisor(dataFolder(), 'idle-worker', { 'server.port': String(port) });
    const error = await supervisor.message('why', ({ type }) => type === 'error');
    blocker.close();
    expect(error.message).toBe(`Port ${port} on 127.0.0.1 is used by another process.`);
    expect(error.hint).toContain('server.port');
  });

  it('W2: reports a data folder that cannot be used', async () => {
    const file = path.join(dataFolder(), 'file');
    writeFileSync(file, '');
    const supervisor = new Supervisor(file);
    const error = await supervisor.message('why', ({ type }) => type === 'error');
    expect(error.code).toBe('E_DATA_FOLDER');
  });
});
