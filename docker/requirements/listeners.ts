import { readFile } from 'node:fs/promises'

/** A listening TCP socket, as the kernel's table has it. */
export interface Listener {
  address: string
  port: number
  uid: number
  inode: number
}

/** The sockets of this network namespace that listen on a port and keep `host` from being bound. */
export async function listeners(port: number, host: string): Promise<Listener[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  )
  return tables.flatMap(parseListeners).filter((one) => one.port === port && overlaps(one.address, host))
}

/** True when listening on one address keeps the other from being bound. */
export function overlaps(a: string, b: string): boolean {
  const plain = (address: string) => address.replace(/^::ffff:/, '')
  const any = (address: string) => ['', '0.0.0.0', '::', '*'].includes(address)
  return any(a) || any(b) || plain(a) === plain(b)
}

/** `/proc/net/tcp` and `tcp6`: addresses are hexadecimal words in the machine's byte order, state 0A is LISTEN. */
export function parseListeners(table: string): Listener[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/)
    if (state !== '0A') return []
    const [address = '', port = ''] = local.split(':')
    return [{ address: addressOf(address), port: Number.parseInt(port, 16), uid: Number(uid), inode: Number(inode) }]
  })
}

/** `0100007F` → `127.0.0.1`; IPv6 in its full form except for `::`, `::1` and mapped IPv4. */
function addressOf(hex: string): string {
  const octets = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((two) => Number.parseInt(two, 16)),
  )
  if (octets.length === 4) return octets.join('.')
  if (octets.slice(0, 15).every((octet) => octet === 0)) return octets[15] ? `::${octets[15]}` : '::'
  if (octets.slice(0, 10).every((octet) => octet === 0) && octets[10] === 255)
    return `::ffff:${octets.slice(12).join('.')}`
  const group = (i: number) => (((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0)).toString(16)
  return [0, 2, 4, 6, 8, 10, 12, 14].map(group).join(':')
}
