import type * as Sdk from '@aws-sdk/client-s3'
import { checkName } from './failure.ts'
import { type S3Settings, s3Client, s3Failure, statusOf } from './s3-client.ts'
import { md5 } from './s3-parts.ts'

/** One environment's folder of a bucket: what every request about it has in common. */
export class Bucket {
  readonly settings: S3Settings
  /** Ends in a slash. */
  readonly folder: string
  readonly sdk: typeof Sdk
  readonly client: Sdk.S3Client
  readonly #now: () => Date

  private constructor(
    sdk: typeof Sdk,
    client: Sdk.S3Client,
    settings: S3Settings,
    environment: string,
    now: () => Date,
  ) {
    this.sdk = sdk
    this.client = client
    this.settings = settings
    this.folder = `${settings.prefix ? `${settings.prefix}/` : ''}${environment}/`
    this.#now = now
  }

  /** Loads the client; sends nothing yet. */
  static async open(settings: S3Settings, environment: string, now: () => Date, stallMs: number): Promise<Bucket> {
    const sdk = await import('@aws-sdk/client-s3')
    return new Bucket(sdk, await s3Client(settings, stallMs), settings, environment, now)
  }

  key(name: string): { Bucket: string; Key: string } {
    checkName(name)
    return { Bucket: this.settings.bucket, Key: this.folder + name }
  }

  /** Does it, and names bucket, status and remedy when it fails. */
  async attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.failure(error, doing)
    }
  }

  failure(error: unknown, doing: string): Error {
    return s3Failure(error, doing, this.settings)
  }

  /** What every new object gets. */
  attributes() {
    const { storageClass, encryption, lockDays } = this.settings
    return {
      ContentType: 'application/octet-stream',
      ...(storageClass ? { StorageClass: storageClass as Sdk.StorageClass } : {}),
      ...(encryption ? { ServerSideEncryption: encryption as Sdk.ServerSideEncryption } : {}),
      ...(lockDays
        ? {
            ObjectLockMode: 'GOVERNANCE' as const,
            ObjectLockRetainUntilDate: new Date(this.#now().getTime() + lockDays * 86_400_000),
          }
        : {}),
    }
  }

  /** S3 wants a digest of what it locks. */
  digest(body: Uint8Array): { ContentMD5?: string } {
    return this.settings.lockDays ? { ContentMD5: md5(body) } : {}
  }

  async put(name: string, Body: Uint8Array): Promise<void> {
    const put = { ...this.key(name), ...this.attributes(), Body, ...this.digest(Body) }
    await this.client.send(new this.sdk.PutObjectCommand(put))
  }

  /** The length of an object; undefined when there is none. */
  async bytesOf(name: string): Promise<number | undefined> {
    try {
      const { ContentLength } = await this.client.send(new this.sdk.HeadObjectCommand(this.key(name)))
      return ContentLength
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  async remove(name: string): Promise<void> {
    await this.client.send(new this.sdk.DeleteObjectCommand(this.key(name)))
  }
}
