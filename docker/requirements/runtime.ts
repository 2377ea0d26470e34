import { atLeast } from '../engine.ts'
import { type Finding, finding } from './finding.ts'

/** The oldest Node this project runs on; `engines` in package.json says the same. */
export const oldestNode = '20.19.0'

/** Ends of life of Node's long-term releases, from its release schedule; odd majors are never supported for long. */
const endOfLife: Readonly<Record<number, string>> = {
  20: '2026-04-30',
  22: '2027-04-30',
  24: '2028-04-30',
  26: '2029-04-30',
}

/** The one to install today: active long-term support. */
const recommendedNode = 24

export function nodeFinding(version: string, now: Date): Finding {
  if (!atLeast(version, oldestNode))
    return finding(
      'Node',
      'missing',
      version,
      `install Node ${recommendedNode}; ${oldestNode} is the oldest that works`,
    )
  const end = endOfLife[Number(/\d+/.exec(version)?.[0])]
  if (end !== undefined && now >= new Date(end))
    return finding('Node', 'warning', `${version}, past its end of life (${end})`, `install Node ${recommendedNode}`)
  return finding('Node', 'ok', version)
}

export function systemFinding(platform: NodeJS.Platform, arch: string, name: string | undefined): Finding {
  const found = `${name ?? platform} (${arch})`
  if (platform === 'win32')
    return finding('system', 'missing', found, 'run aqua inside WSL 2: the tasks call Unix programs')
  if (arch !== 'x64' && arch !== 'arm64')
    return finding(
      'system',
      'warning',
      found,
      'the images are made for x64 and arm64; others are built or emulated, slowly',
    )
  return finding('system', 'ok', found)
}

export function gitFinding(version: string | undefined): Finding {
  return version === undefined
    ? finding('git', 'info', 'none', 'optional: images are labelled with the commit they were made from')
    : finding('git', 'ok', version)
}
