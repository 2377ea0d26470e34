import fs from 'node:fs/promises'
import type { Store } from './store/store.ts'

/** What is known of an environment's backups, from run to run. Moments are ISO 8601. */
export interface History {
  /** The last run of each task. */
  runs: Record<string, { ok: boolean; at: string; seconds: number }>
  /** The last success in each store, and how many sets each rule keeps there. */
  stores: Partial<Record<Store['kind'], { at: string; seconds: number; bytes: number; tiers: Record<string, number> }>>
}

interface Sample {
  labels: Record<string, string>
  value: number
}

/** The metrics in Prometheus's text format, as the node exporter's textfile collector reads it. */
export function exposition(environment: string, history: History): string {
  const stores = Object.entries(history.stores)
  const ofStore = (value: (of: (typeof stores)[number][1]) => number): Sample[] =>
    stores.map(([store, of]) => ({ labels: { environment, store }, value: value(of) }))
  const ofRun = (task: string, value: (run: History['runs'][string]) => number): Sample[] => {
    const run = history.runs[task]
    return run ? [{ labels: { environment }, value: value(run) }] : []
  }
  const metrics: [name: string, help: string, samples: Sample[]][] = [
    ['last_success_timestamp_seconds', 'When the last good backup ended.', ofStore(({ at }) => seconds(at))],
    ['last_success_size_bytes', 'What it takes in the store.', ofStore(({ bytes }) => bytes)],
    ['last_success_duration_seconds', 'How long it took.', ofStore((of) => of.seconds)],
    [
      'sets',
      'Sets that a rule of retention keeps.',
      stores.flatMap(([store, { tiers }]) =>
        Object.entries(tiers).map(([tier, value]) => ({ labels: { environment, store, tier }, value })),
      ),
    ],
    ['last_run_ok', 'Whether the last run of a backup succeeded.', ofRun('backup', ({ ok }) => Number(ok))],
    ['last_run_timestamp_seconds', 'When it ended.', ofRun('backup', ({ at }) => seconds(at))],
    [
      'drill_ok',
      'Whether the newest drill restored what the manifest says.',
      ofRun('backup drill', ({ ok }) => Number(ok)),
    ],
    ['drill_timestamp_seconds', 'When it ended.', ofRun('backup drill', ({ at }) => seconds(at))],
  ]
  return metrics
    .filter(([, , samples]) => samples.length > 0)
    .map(([name, help, samples]) => {
      const full = `aqua_backup_${name}`
      return [
        `# HELP ${full} ${help}`,
        `# TYPE ${full} gauge`,
        ...samples.map((sample) => line(full, sample)),
        '',
      ].join('\n')
    })
    .join('')
}

function seconds(at: string): number {
  return Date.parse(at) / 1000
}

function line(name: string, { labels, value }: Sample): string {
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

/** Whole or not at all, and readable for the exporter, which is another user. */
export async function writeTextfile(file: string, text: string): Promise<void> {
  // The collector reads *.prom only.
  const temporary = `${file}.${process.pid}`
  try {
    await fs.writeFile(temporary, text)
    await fs.chmod(temporary, 0o644)
    await fs.rename(temporary, file)
  } catch (error) {
    await fs.rm(temporary, { force: true })
    throw error
  }
}
