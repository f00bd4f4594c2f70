import { z } from 'zod';
import { LoopConfig } from './loop.js';
import { Schedule } from './schedule.js';

const port = z.int().min(0).max(65_535);
const queueName = z.string().regex(/^[\w./-]{1,200}$/, { error: 'must be letters, digits and the signs . / - _' });

const Connection = z.strictObject({
  address: z
    .string()
    .regex(/^$|^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, { error: 'must be host:port, such as 127.0.0.1:7233' })
    .default('')
    .describe('host:port of a running Temporal service; empty starts our own development server.'),
  namespace: z
    .string()
    .regex(/^[\w.-]{1,255}$/, { error: 'must be letters, digits, dots, hyphens and underscores' })
    .default('default')
    .describe('Temporal namespace all workflows live in.'),
  tls: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Encrypt the connection; an API key switches it on as well.'),
      serverName: z.string().default('').describe('Name expected in the server certificate; empty takes the host.'),
      caFile: z.string().default('').describe('PEM file of the certificate authority; empty takes the system ones.'),
      certificateFile: z.string().default('').describe('PEM file of the client certificate (mutual TLS).'),
      keyFile: z.string().default('').describe('PEM file of the client key (mutual TLS).'),
    })
    .prefault({})
    .describe('Encryption of the connection.'),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of an environment variable, not the key itself' })
    .default('TEMPORAL_API_KEY')
    .describe('Name of the environment variable that holds the API key; the key itself is never written here.'),
});

const Server = z.strictObject({
  version: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, { error: 'must be a version such as 1.5.1' })
    .default('1.5.1')
    .describe('Version of the Temporal command line that is downloaded or built when none is installed.'),
  allowDownload: z.boolean().default(true).describe('Download the official server when none is found.'),
  allowGoInstall: z.boolean().default(true).describe('Build the server with `go install` when the download fails.'),
  cacheDir: z
    .string()
    .default('')
    .describe('Where a fetched server is kept; empty takes the user cache folder (XDG_CACHE_HOME/ratchet).'),
  ip: z.string().min(1).default('127.0.0.1').describe('Address the development server listens on.'),
  port: port.default(7233).describe('Port of the development server; 0 takes a free one.'),
  uiPort: port.default(8233).describe('Port of the Temporal web UI; 0 takes a free one.'),
  ui: z.boolean().default(true).describe('Serve the Temporal web UI.'),
  sqlitePragma: z
    .record(z.string().regex(/^[a-z_]+$/), z.string())
    .default({ journal_mode: 'WAL', synchronous: 'NORMAL' })
    .describe('SQLite pragmas of the development server; these make an activity about five times cheaper.'),
  dynamicConfig: z
    .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
    .default({ 'history.transferProcessorMaxPollRPS': 2000 })
    .describe('Dynamic configuration of the development server, key to value.'),
  retentionHours: z
    .int()
    .min(1)
    .max(87_600)
    .default(720)
    .describe('Hours a closed workflow history is kept (the server alone would keep 24).'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'never'])
    .default('warn')
    .describe('Log level of the development server.'),
  readyTimeoutSeconds: z.int().min(1).max(3600).default(30).describe('How long to wait until the server answers.'),
});

const Workers = z.strictObject({
  cpuSlots: z.int().min(0).max(1024).default(0).describe('Activities a cpu worker runs at once; 0 takes the cores.'),
  gpuSlots: z.int().min(1).max(64).default(1).describe('Activities a gpu worker runs at once; one a device.'),
  gpuWorkers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Gpu worker processes that `ratchet up` starts; the first takes the first GPU, the second the second.'),
  device: z
    .enum(['cpu', 'auto', 'cuda', 'webgpu', 'tfjs-node-gpu', 'tfjs-node'])
    .default('cpu')
    .describe(
      'Where a gpu worker trains; auto takes a GPU that is clearly faster than the cpu. Results are equal bits on one device only.',
    ),
  storeSlots: z.int().min(1).max(64).default(1).describe('Store activities at once; the database has one writer.'),
  storeMemoryMegabytes: z
    .int()
    .min(128)
    .max(1_048_576)
    .default(256)
    .describe('Memory in which DuckDB keeps rows and pages; beyond it they go to disk and are read again.'),
  heartbeatSeconds: z
    .number()
    .min(0.1)
    .max(600)
    .default(1)
    .describe('Interval at which a long activity reports that it lives.'),
  heartbeatTimeoutSeconds: z
    .number()
    .min(1)
    .max(3600)
    .default(7)
    .describe('Silence after which a long activity counts as lost and is started again.'),
  maxHeartbeatThrottleMilliseconds: z
    .int()
    .min(1)
    .max(60_000)
    .default(500)
    .describe('Longest time the SDK holds a heartbeat back.'),
  defaultHeartbeatThrottleMilliseconds: z
    .int()
    .min(1)
    .max(60_000)
    .default(500)
    .describe('The same for activities without a heartbeat timeout.'),
  shutdownGraceSeconds: z
    .number()
    .min(0)
    .max(3600)
    .default(10)
    .describe('Time a worker has to save and stop before it is killed.'),
  restart: z
    .strictObject({
      initialMilliseconds: z.int().min(1).max(600_000).default(200).describe('Wait before the first restart.'),
      maximumMilliseconds: z.int().min(1).max(600_000).default(10_000).describe('Longest wait before a restart.'),
      factor: z.number().min(1).max(10).default(2).describe('Growth of the wait from one restart to the next.'),
      resetAfterSeconds: z
        .number()
        .min(0)
        .default(60)
        .describe('A process that ran this long starts again at the first wait.'),
      maxRestarts: z
        .int()
        .min(0)
        .default(20)
        .describe('Restarts in a row after which the supervisor gives up; 0 never gives up.'),
    })
    .prefault({})
    .describe('Back-off of the supervisor when a worker process dies.'),
});

const Storage = z.strictObject({
  kind: z
    .enum(['data-folder', 'folder', 's3'])
    .default('data-folder')
    .describe('Where artifacts lie: in the data folder that all workers see, in another folder, or in a bucket.'),
  folder: z.string().default('').describe('With folder: one that all hosts see, such as a network mount.'),
  s3: z
    .strictObject({
      bucket: z.string().default('').describe('With s3: the bucket.'),
      prefix: z.string().default('ratchet').describe('Keys begin with this.'),
      region: z.string().default('us-east-1').describe('Region of the bucket.'),
      endpoint: z
        .string()
        .regex(/^$|^https?:\/\/\S+$/, { error: 'must be a URL such as http://minio:9000' })
        .default('')
        .describe('URL of an S3-compatible service; empty is Amazon.'),
      pathStyle: z.boolean().default(false).describe('Name the bucket in the path, as MinIO wants it.'),
    })
    .prefault({})
    .describe('A bucket of Amazon S3 or of a compatible service; keys are read from AWS_… variables.'),
});

/**
 * The whole configuration: what `temporal.yaml`, run files, `RATCHET_…` variables and flags may say.
 * Resolve it with {@link import('./load.js').loadConfig}. Import it into workflow code as a type only.
 */
export const RatchetConfig = z.strictObject({
  connection: Connection.prefault({}).describe('How to reach Temporal.'),
  server: Server.prefault({}).describe(
    'The development server that `ratchet up` starts when connection.address is empty.',
  ),
  taskQueues: z
    .strictObject({
      loop: queueName.default('loop').describe('Queue of the workflows.'),
      store: queueName.default('store').describe('Queue of reads and writes of the database.'),
      cpu: queueName.default('cpu').describe('Queue of the stages that need no accelerator.'),
      gpu: queueName.default('gpu').describe('Queue of training, generation and evaluation.'),
    })
    .prefault({})
    .describe('Names of the Temporal task queues.'),
  workers: Workers.prefault({}).describe('The worker processes.'),
  sharing: z
    .strictObject({
      tenant: z
        .string()
        .max(64)
        .default('')
        .describe('Whose loop it is: tenants get equal shares of busy workers; empty: each loop is one of its own.'),
      weight: z.number().min(0.001).max(1000).default(1).describe('Share of this tenant as a multiple of the others.'),
      priority: z.int().min(1).max(5).default(3).describe('Work of a smaller number goes first, whoever it is of.'),
    })
    .prefault({})
    .describe('How loops share workers; the Temporal service must have fairness switched on.'),
  storage: Storage.prefault({}).describe('How workers on several hosts share artifacts.'),
  dataFolder: z
    .string()
    .min(1)
    .default('data')
    .describe('Folder of the database, artifacts, checkpoints and models; relative to the file that names it.'),
  loop: LoopConfig.prefault({}).describe('What the adaptive learning loop does.'),
  schedules: z
    .array(Schedule)
    .default([])
    .describe('Timed checks for new feedback, a safety net beside the loop itself.'),
  metrics: z
    .strictObject({
      port: port
        .default(0)
        .describe(
          "Port of the store worker's Prometheus metrics; the cpu worker takes the next one, the gpu workers those after it. 0 serves none.",
        ),
      host: z.string().min(1).default('127.0.0.1').describe('Address the metrics are served on.'),
    })
    .prefault({})
    .describe('Metrics for Prometheus, one endpoint a worker process.'),
  logging: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least severe message that is written.'),
      format: z
        .enum(['auto', 'pretty', 'json'])
        .default('auto')
        .describe('Shape of a log line; auto is pretty on a terminal and JSON otherwise.'),
      folder: z
        .string()
        .default('')
        .describe('Folder of the worker and server log files; empty takes `logs` in the data folder.'),
    })
    .prefault({})
    .describe('Log output.'),
});
export type RatchetConfig = z.infer<typeof RatchetConfig>;
