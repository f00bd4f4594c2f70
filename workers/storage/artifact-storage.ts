/**
 * Where files lie that every host must find. A key is a path of letters, digits and the signs `. / - _`. An upload is
 * visible whole or not at all, and a repeated one is harmless.
 */
export interface ArtifactStorage {
  has(key: string): Promise<boolean>;
  /**
   * Stores the local file under the key; resolves when it is durable there.
   *
   * @throws RatchetError `E_STORAGE`, retryable unless the storage refuses for good
   */
  upload(key: string, file: string): Promise<void>;
  /**
   * Writes what lies under the key to the local file, whose folder exists; false when there is nothing.
   *
   * @throws RatchetError `E_STORAGE`
   */
  download(key: string, file: string): Promise<boolean>;
  close(): void;
}
