import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { AquaError } from '../scripts/error.ts'
import type { Io, StreamingCommand } from '../scripts/step.ts'
import { databaseError, type Postgres, parseRows, psqlArgs } from './postgres.ts'

/**
 * One connection that stays open: for an exported snapshot, an advisory lock, a transaction over several questions. It is
 * a psql fed through a pipe; when this process dies, the pipe closes, psql ends, and the server lets go of everything.
 */
export class Session {
  readonly #command: StreamingCommand
  #received = ''
  #waiting: { marker: string; resolve(rows: string[][]): void; reject(error: Error): void } | undefined
  #failure: Error | undefined

  private constructor(command: StreamingCommand) {
    this.#command = command
    command.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#received += text
      this.#settle()
    })
    void command.ended.then((result) => {
      this.#failure =
        result.stderr.trim() === ''
          ? new AquaError('DATABASE', 'the connection to the database ended')
          : databaseError(result.stderr)
      this.#waiting?.reject(this.#failure)
      this.#waiting = undefined
    })
  }

  /** Open a connection; the first query tells whether that worked. */
  static open(io: Pick<Io, 'stream'>, postgres: Pick<Postgres, 'command'>, database?: string): Session {
    const { argv, env } = postgres.command('psql', psqlArgs, database)
    return new Session(io.stream(argv, { env }))
  }

  /** One statement after the other; a failing one ends the connection and rejects with the server's message. */
  query(sql: string): Promise<string[][]> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#waiting) throw new Error('one query at a time')
    const marker = `--aqua-${randomUUID()}`
    return new Promise((resolve, reject) => {
      this.#waiting = { marker, resolve, reject }
      this.#command.stdin.write(`${sql.replace(/;?\s*$/, ';')}\n\\echo ${marker}\n`)
    })
  }

  /**
   * Hand a script over as it comes (COPY with its data): the connection reads, the source waits. Resolves when all of it has
   * been handed over; the next query waits for its end. Rejects as soon as the connection has ended.
   */
  async feed(source: Readable): Promise<void> {
    const { stdin } = this.#command
    for await (const chunk of source) {
      if (this.#failure) throw this.#failure
      if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), this.#command.ended])
      if (this.#failure) throw this.#failure
    }
  }

  #settle(): void {
    const waiting = this.#waiting
    const end = waiting ? this.#received.indexOf(`${waiting.marker}\n`) : -1
    if (!waiting || end === -1) return
    const text = this.#received.slice(0, end)
    this.#received = this.#received.slice(end + waiting.marker.length + 1)
    this.#waiting = undefined
    waiting.resolve(parseRows(text))
  }

  /** Resolves when the connection is gone; never rejects. */
  async close(): Promise<void> {
    this.#command.stdin.end()
    await this.#command.ended
  }

  /** Give up without waiting for an answer. */
  kill(): void {
    this.#command.kill()
  }
}
