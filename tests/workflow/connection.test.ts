import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RatchetConfig } from '../../config/schema.js';
import { connectClient, namespaceOf } from '../../workers/connection.js';
import { connectWorker } from '../../workers/worker-connection.js';
import { startEnvironment } from './environment.js';
import { makeCertificates, startGateway, type Certificates, type Gateway } from './secure-gateway.js';

let environment: TestWorkflowEnvironment;
let folder: string;
let files: Certificates;
const open: Gateway[] = [];
const variables = { ...process.env };

beforeAll(async () => {
  environment = await startEnvironment();
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-connection-'));
  files = makeCertificates(folder);
});
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
  for (const name of ['MY_KEY', 'TEMPORAL_CONFIG_FILE', 'TEMPORAL_PROFILE', 'TEMPORAL_API_KEY']) {
    delete process.env[name];
    if (variables[name] !== undefined) process.env[name] = variables[name];
  }
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await environment.teardown();
});

async function gatewayTo(apiKey?: string): Promise<Gateway> {
  const gateway = await startGateway(environment.address, files, apiKey);
  open.push(gateway);
  return gateway;
}

const configOf = (connection: object) => RatchetConfig.parse({ connection });
const tls = () => ({ caFile: files.ca, serverName: 'temporal.test' });
const mutual = () => ({ ...tls(), certificateFile: files.client, keyFile: files.clientKey });

/** A client and a worker's connection both get answers. */
async function expectAnswers(config: RatchetConfig, gateway: Gateway): Promise<void> {
  const client = await connectClient(config, gateway.address);
  const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace: 'default' });
  expect(namespaceInfo?.name).toBe('default');
  await client.connection.close();
  const before = gateway.calls;
  const native = await connectWorker(config, gateway.address, 5_000);
  await native.close();
  expect(gateway.calls).toBeGreaterThan(before);
}

describe('a Temporal service behind TLS', () => {
  it('W2: is reached with a client certificate, and not without one', async () => {
    const gateway = await gatewayTo();
    const { address } = gateway;
    await expectAnswers(configOf({ address, tls: mutual() }), gateway);
    const bare = configOf({ address, tls: { ...tls(), enabled: true } });
    await expect(connectClient(bare, address)).rejects.toMatchObject({ code: 'E_SERVER_UNAVAILABLE' });
  });

  it('W2: is reached with an API key from the environment, and not with another', async () => {
    const gateway = await gatewayTo('secret-of-the-test');
    const { address } = gateway;
    const config = configOf({ address, apiKeyEnv: 'MY_KEY', tls: tls() });
    process.env.MY_KEY = 'secret-of-the-test';
    await expectAnswers(config, gateway);
    process.env.MY_KEY = 'guessed';
    await expect(connectClient(config, address)).rejects.toMatchObject({ code: 'E_SERVER_UNAVAILABLE' });
  });

  it("W2: is reached as a profile of Temporal's own file says, with its namespace", async () => {
    const gateway = await gatewayTo();
    const { address } = gateway;
    process.env.TEMPORAL_CONFIG_FILE = path.join(folder, 'temporal.toml');
    process.env.TEMPORAL_PROFILE = 'cluster';
    const paths = `client_cert_path = "${files.client}"\nclient_key_path = "${files.clientKey}"\nserver_ca_cert_path = "${files.ca}"`;
    writeFileSync(
      process.env.TEMPORAL_CONFIG_FILE,
      `[profile.cluster]\naddress = "${address}"\nnamespace = "team"\n[profile.cluster.tls]\nserver_name = "temporal.test"\n${paths}\n`,
    );
    await expectAnswers(configOf({}), gateway);
    expect(namespaceOf(configOf({}), address)).toBe('team');
    expect(namespaceOf(configOf({ namespace: 'mine' }), address)).toBe('mine');
    // Our own server is another address: it gets neither the certificate nor the namespace.
    expect(namespaceOf(configOf({}), '127.0.0.1:1')).toBe('default');
    const own = await connectClient(configOf({}), environment.address);
    await own.connection.close();
  });

  it('names the file that cannot be read, and the key that is missing', async () => {
    const address = '127.0.0.1:1';
    const gone = configOf({ address, tls: { ...mutual(), caFile: path.join(folder, 'gone.pem') } });
    await expect(connectClient(gone, address)).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: expect.stringContaining('connection.tls.caFile') as string,
    });
    const half = configOf({ address, tls: { certificateFile: files.client } });
    await expect(connectClient(half, address)).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
  });
});
