import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import type { Job } from './job.ts'

/** Longer commands are cut or refused by the crons in use. */
const longest = 998

const begin = (name: string) => `# ${name}: written by aqua schedule install`
const end = (name: string) => `# ${name}: end`

/** For /bin/sh, in a crontab: there, a bare % would end the command. */
function quoted(word: string): string {
  const text = /^[\w@+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  return text.replaceAll('%', '\\%')
}

/** The job as one line of a crontab. */
export function cronLine(job: Job): string {
  const line = `${job.cron.text} ${job.argv.map(quoted).join(' ')} >>${quoted(job.log)} 2>&1`
  if (line.length <= longest) return line
  throw new AquaError('CRONTAB', `the job has ${line.length} characters, a crontab's line takes ${longest}`, {
    hint: 'shorten the options, or the path of this folder',
  })
}

/** A crontab without our block; every other line as it was. An end that somebody removed takes nothing else with it. */
export function withoutBlock(text: string, name: string): string {
  const lines = text.split('\n')
  const first = lines.indexOf(begin(name))
  if (first === -1) return text
  const last = lines.indexOf(end(name), first)
  lines.splice(first, last === -1 ? 1 : last - first + 1)
  return lines.join('\n')
}

/** A crontab with our block, in its place or at the end. */
export function withBlock(text: string, job: Job): string {
  const rest = withoutBlock(text, job.name)
  const gap = rest === '' || rest.endsWith('\n') ? '' : '\n'
  return `${rest}${gap}${begin(job.name)}\n${cronLine(job)}\n${end(job.name)}\n`
}

/** The line between our marks; undefined when there is none. */
export function blockOf(text: string, name: string): string | undefined {
  const lines = text.split('\n')
  const first = lines.indexOf(begin(name))
  return first === -1 ? undefined : lines[first + 1]
}

/** This user's crontab; empty when there is none, undefined where there is no cron. Anything else is an error: it will be written back. */
export async function readCrontab(io: Pick<Io, 'probe'>): Promise<string | undefined> {
  const { code, stdout, stderr } = await io.probe(['crontab', '-l'])
  if (code === 0) return stdout
  if (code === 127) return undefined
  if (/no crontab for|can't open .*no such file/i.test(stderr)) return ''
  throw new AquaError('CRONTAB', 'the crontab cannot be read', { details: stderr.trim().split('\n') })
}

export async function writeCrontab(io: Pick<Io, 'run'>, text: string): Promise<void> {
  await io.run(['crontab', '-'], { input: text })
}
