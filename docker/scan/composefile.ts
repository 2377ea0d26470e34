import { isFloating } from './dockerfile.ts'
import type { Finding, Severity } from './finding.ts'

/** A container in Compose's own reading of its files, as far as the rules look. */
export interface ComposeService {
  image?: string
  build?: unknown
  user?: string
  privileged?: boolean
  read_only?: boolean
  network_mode?: string
  pid?: string
  ipc?: string
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  mem_limit?: string | number
  pids_limit?: number
  deploy?: { resources?: { limits?: { memory?: string | number; pids?: number } } }
  environment?: Record<string, string | null>
  ports?: { host_ip?: string; published?: string; target: number }[]
  volumes?: { type: string; source?: string; target: string }[]
}

interface Rule {
  id: string
  severity: Severity
  title: string
  fix: string
  broken(service: ComposeService): boolean
}

/** Stands for every value that the files leave to the environment: a secret that reads otherwise was written down. */
export const unset = 'unset'

const secretName = /(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_?KEY|ACCESS_?KEY)$/i

const rules: readonly Rule[] = [
  {
    id: 'privileged',
    severity: 'critical',
    title: 'may do on the host what root may',
    fix: 'leave out privileged',
    broken: ({ privileged }) => privileged === true,
  },
  {
    id: 'engine-socket',
    severity: 'critical',
    title: "holds the engine's socket, and with it the host",
    fix: 'leave out the mount, or put a filtering proxy before it',
    broken: ({ volumes = [] }) => volumes.some(({ source = '' }) => /\/(docker|podman)\.sock$/.test(source)),
  },
  {
    id: 'secret-in-file',
    severity: 'critical',
    title: 'has a secret whose value is in the file',
    fix: '${NAME:?…} and the value in env/.env.<stage>',
    broken: ({ environment = {} }) =>
      Object.entries(environment).some(([name, value]) => secretName.test(name) && value && !value.includes(unset)),
  },
  {
    id: 'host-namespace',
    severity: 'high',
    title: "shares the host's network, processes or memory",
    fix: 'leave out network_mode, pid and ipc',
    broken: ({ network_mode, pid, ipc }) => [network_mode, pid, ipc].includes('host'),
  },
  {
    id: 'runs-as-root',
    severity: 'high',
    title: 'runs as root',
    fix: 'user: "1000:1000"',
    broken: ({ user = 'root' }) => /^(root|0)(:|$)/.test(user),
  },
  {
    id: 'capabilities',
    severity: 'high',
    title: 'keeps capabilities of root',
    fix: 'cap_drop: [ALL]',
    broken: ({ cap_drop = [], cap_add = [] }) => !cap_drop.includes('ALL') || cap_add.includes('ALL'),
  },
  {
    id: 'privilege-escalation',
    severity: 'high',
    title: 'may gain privileges by set-user-id programs',
    fix: 'security_opt: ["no-new-privileges:true"]',
    broken: ({ security_opt = [] }) => !security_opt.some((option) => /^no-new-privileges(:true)?$/.test(option)),
  },
  {
    id: 'public-port',
    severity: 'high',
    title: 'publishes a port on every address of the host',
    fix: 'an address before the port: "127.0.0.1:8080:8080"',
    broken: ({ ports = [] }) => ports.some(({ host_ip = '' }) => ['', '0.0.0.0', '::'].includes(host_ip)),
  },
  {
    id: 'floating-image',
    severity: 'high',
    title: 'runs an image that can be another one tomorrow',
    fix: 'an exact tag or a digest',
    broken: ({ image, build }) => image !== undefined && build === undefined && isFloating(image),
  },
  {
    id: 'writable-root',
    severity: 'medium',
    title: 'may write to its own program',
    fix: 'read_only: true and tmpfs',
    broken: ({ read_only }) => read_only !== true,
  },
  {
    id: 'no-limits',
    severity: 'medium',
    title: 'may take all memory or processes of the host',
    fix: 'mem_limit and pids_limit',
    broken: ({ mem_limit, pids_limit, deploy }) => {
      const limits = deploy?.resources?.limits
      return !(mem_limit ?? limits?.memory) || !(pids_limit ?? limits?.pids)
    },
  },
]

/** aqua's own rules for the containers of one stage. `file`: the overlay that makes the stage, relative to the project. */
export function checkCompose(
  stage: string,
  file: string,
  source: string,
  services: Readonly<Record<string, ComposeService>>,
): Finding[] {
  const lines = source.split('\n')
  return Object.entries(services).flatMap(([name, service]) =>
    rules
      .filter((rule) => rule.broken(service))
      .map(({ id, severity, title, fix }) => ({
        id: `compose/${id}`,
        aliases: [],
        severity,
        package: name,
        version: stage,
        fix,
        place: file,
        line: lines.indexOf(`  ${name}:`) + 1 || 1,
        title: `${name} in ${stage} ${title}`,
      })),
  )
}
