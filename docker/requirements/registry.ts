import { type Finding, finding } from './finding.ts'

/** A registry that answers does so in well under a second; one that a firewall swallows never does. */
const timeoutMs = 5000

/** The registry API's own address: a mirror by its name, else the one the engine says it uses. */
export function registryAddress(mirror: string | undefined, engineDefault: string | undefined): string | undefined {
  if (mirror) {
    const host = mirror.replace(/^[a-z]+:\/\//, '').split('/')[0]
    const local = /^(localhost|127\.|\[::1\])/.test(host ?? '')
    return `${local ? 'http' : 'https'}://${host}/v2/`
  }
  return engineDefault && new URL('/v2/', engineDefault).href
}

/** Whether images can be pulled: any answer counts as reached, 401 is the usual one before a login. */
export async function registryFinding(address: string | undefined, request: typeof fetch = fetch): Promise<Finding> {
  const away = 'set AQUA_REGISTRY to a mirror, or use aqua up-dev --images debian, which pulls nothing'
  if (address === undefined) return finding('registry', 'warning', 'unknown: the engine did not name one', away)
  const { host } = new URL(address)
  try {
    const { status } = await request(address, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' })
    if (status === 429) return finding('registry', 'warning', `${host} limits this address (429)`, away)
    if (status >= 500) return finding('registry', 'warning', `${host} answers ${status}`, away)
    return finding('registry', 'ok', `${host} answers`)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    return finding('registry', 'warning', `${host} cannot be reached (${cause})`, away)
  }
}
