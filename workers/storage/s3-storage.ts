import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import type * as sdkTypes from '@aws-sdk/client-s3';
import { RatchetError } from '../../config/errors.js';
import type { RatchetConfig } from '../../config/schema.js';
import type { ArtifactStorage } from './artifact-storage.js';
import { storageFault } from './storage-fault.js';

type Sdk = typeof sdkTypes;

/** Bytes that are in memory at once, and of the parts of a larger file; S3 wants at least 5 MiB, and at most 10,000 parts. */
const PART = 8 << 20;
const MOST_PARTS = 10_000;

/**
 * Artifacts in a bucket of Amazon S3 or what speaks its protocol (MinIO, Ceph, R2 …). Keys come from where the AWS SDK looks
 * for them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, profiles, roles). The SDK is loaded here alone.
 *
 * @throws RatchetError `E_CONFIG_INVALID` when it is not installed
 */
export async function openS3Storage(settings: RatchetConfig['storage']['s3']): Promise<ArtifactStorage> {
  const sdk = await import('@aws-sdk/client-s3').catch((cause: unknown) => {
    throw new RatchetError('E_CONFIG_INVALID', 'storage.kind is s3, but @aws-sdk/client-s3 is not installed.', {
      hint: 'npm install @aws-sdk/client-s3, or choose another storage.kind.',
      cause,
    });
  });
  const { region, endpoint, pathStyle } = settings;
  const client = new sdk.S3Client({
    region,
    ...(endpoint !== '' && { endpoint }),
    forcePathStyle: pathStyle,
    // What lies beside Amazon's own checksums is not understood by all; ours are of every file, end to end.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return new S3Storage(sdk, client, settings);
}

class S3Storage implements ArtifactStorage {
  constructor(
    private readonly sdk: Sdk,
    private readonly client: sdkTypes.S3Client,
    private readonly settings: RatchetConfig['storage']['s3'],
  ) {}

  async has(key: string): Promise<boolean> {
    try {
      await this.client.send(new this.sdk.HeadObjectCommand(this.object(key)));
      return true;
    } catch (error) {
      // Of what is missing S3 says 403 to keys without s3:ListBucket; keys that may do nothing hear it of the upload.
      if (statusOf(error) === 404 || statusOf(error) === 403) return false;
      throw this.fault('looking for', key, error);
    }
  }

  async upload(key: string, file: string): Promise<void> {
    const object = this.object(key);
    const { size } = await stat(file);
    const handle = await open(file);
    try {
      if (size <= PART) {
        const Body = await handle.readFile();
        await this.client.send(new this.sdk.PutObjectCommand({ ...object, Body }));
      } else await this.uploadParts(object, size, (buffer, at) => handle.read(buffer, 0, buffer.length, at));
    } catch (error) {
      throw this.fault('writing', key, error);
    } finally {
      await handle.close();
    }
  }

  async download(key: string, file: string): Promise<boolean> {
    try {
      const { Body } = await this.client.send(new this.sdk.GetObjectCommand(this.object(key)));
      await pipeline(Body as Readable, createWriteStream(file));
      return true;
    } catch (error) {
      const { name } = error as Error;
      if (name === 'NoSuchKey') return false;
      if (name === 'AccessDenied')
        throw this.fault('reading', `${key} (missing or forbidden: S3 says which to keys with s3:ListBucket)`, error);
      throw this.fault('reading', key, error);
    }
  }

  close(): void {
    this.client.destroy();
  }

  private async uploadParts(
    object: { Bucket: string; Key: string },
    size: number,
    read: (buffer: Buffer, at: number) => Promise<unknown>,
  ): Promise<void> {
    const length = Math.max(PART, Math.ceil(size / MOST_PARTS));
    const { UploadId } = await this.client.send(new this.sdk.CreateMultipartUploadCommand(object));
    const upload = { ...object, UploadId };
    try {
      const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
      for (let at = 0; at < size; at += length) {
        const Body = Buffer.alloc(Math.min(length, size - at));
        await read(Body, at);
        const PartNumber = Parts.length + 1;
        const { ETag } = await this.client.send(new this.sdk.UploadPartCommand({ ...upload, PartNumber, Body }));
        Parts.push({ ETag, PartNumber });
      }
      await this.client.send(new this.sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    } catch (error) {
      // Parts that are left cost money.
      await this.client.send(new this.sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined);
      throw error;
    }
  }

  private object(key: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.settings;
    return { Bucket: bucket, Key: prefix === '' ? key : `${prefix.replace(/\/+$/, '')}/${key}` };
  }

  private fault(doing: string, key: string, error: unknown): RatchetError {
    const { bucket, endpoint } = this.settings;
    return storageFault(`${doing} ${key} in the bucket ${bucket}${endpoint === '' ? '' : ` of ${endpoint}`}`, error);
  }
}

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
