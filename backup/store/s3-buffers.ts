const mebibyte = 1024 * 1024

/** In use at most, the parts that fill among them; where parts are longer than half of it, two of them. */
const most = 24 * mebibyte

interface Waiting {
  size: number
  take(buffer: Buffer): void
}

/**
 * Memory for the parts of all uploads to one store, however many run at a time; used again. Whoever waits gets it in turn, and all
 * of them get some: a part that was sent gives its buffer back without needing another. As many uploads as there are buffers, two of
 * the longest, can be under way.
 */
export class PartBuffers {
  readonly #spare: Buffer[] = []
  readonly #waiting: Waiting[] = []
  #used = 0

  /** A buffer, unless there is none or others have asked before. */
  take(size: number): Buffer | undefined {
    return this.#waiting.length === 0 ? this.#make(size) : undefined
  }

  /** After `take` gave none: calls `take` when it is this one's turn. What it answers withdraws the request. */
  wait(size: number, take: (buffer: Buffer) => void): () => void {
    const waiting = { size, take }
    this.#waiting.push(waiting)
    return () => {
      const place = this.#waiting.indexOf(waiting)
      if (place !== -1) this.#waiting.splice(place, 1)
      this.#serve()
    }
  }

  giveBack(buffer: Buffer): void {
    this.#used -= buffer.length
    this.#spare.push(buffer)
    this.#serve()
  }

  #serve(): void {
    for (let [next] = this.#waiting; next; [next] = this.#waiting) {
      const buffer = this.#make(next.size)
      if (!buffer) return
      this.#waiting.shift()
      next.take(buffer)
    }
  }

  #make(size: number): Buffer | undefined {
    if (this.#used + size > Math.max(most, 2 * size)) return undefined
    this.#used += size
    const spare = this.#spare.pop()
    return spare?.length === size ? spare : Buffer.allocUnsafeSlow(size)
  }
}
