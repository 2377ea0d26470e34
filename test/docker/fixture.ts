import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

declare const __ROOT__: string
/** This project's folder; the guard puts it in. */
export const root: string = __ROOT__

/** A folder that goes when the process ends. */
export function temporary(): { folder: string; put(name: string, text?: string, age?: number): string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-docker-'))
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  return {
    folder,
    /** `age` in seconds: how long ago it was written. */
    put(name, text = name, age = 0) {
      const file = path.join(folder, name)
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, text)
      const time = new Date(Date.now() - age * 1000)
      fs.utimesSync(file, time, time)
      return file
    },
  }
}
