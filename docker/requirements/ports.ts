import { holderText, type TakenPort, type WantedPort } from '../ports.ts'
import { backing, isReplaced, services } from '../services.ts'
import { type Finding, finding } from './finding.ts'

/** Where the dev overlay publishes; it never opens a port to the network. */
const loopback = '127.0.0.1'

/** Every port that the dev stage publishes, moved as the variables say. */
export function devPorts(value: (variable: string) => string | undefined): WantedPort[] {
  const wanted = [
    ...services.map(({ name, port, portVariable }) => ({ container: name, port, variable: portVariable })),
    ...backing.flatMap(({ name, ports }) =>
      isReplaced(name, value)
        ? []
        : Object.entries(ports).map(([port, variable]) => ({ container: name, port: Number(port), variable })),
    ),
  ]
  return wanted.map((one) => ({ ...one, host: loopback, port: Number(value(one.variable)) || one.port }))
}

/** Whether the dev stage's ports are free, or ours; a line for each that is neither. */
export function portFindings(wanted: readonly WantedPort[], taken: readonly TakenPort[], ours: number): Finding[] {
  if (taken.length === 0) {
    const found = ours > 0 ? `${wanted.length}; ${ours} published by the running stack` : `${wanted.length} free`
    return [finding('ports of dev', 'ok', found)]
  }
  return taken.map(({ wanted: { port, variable }, holder }) =>
    finding(`port ${port}`, 'missing', `taken by ${holderText(holder)}`, `stop it, or set ${variable} in env/.env.dev`),
  )
}
