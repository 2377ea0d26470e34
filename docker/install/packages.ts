import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AquaError } from '../../scripts/error.ts'
import type { Step } from '../../scripts/step.ts'
import { debianArchive, pinFor, releaseOf, sourceFor } from './apt-sources.ts'
import { lacking, type Machine, pinFile, sourceFile } from './machine.ts'
import { packagesOf } from './os-release.ts'
import { asRoot } from './sudo.ts'

/** Packages that bring what is missing, under the names of whoever made the engine that is there. */
export function packagesFor(machine: Machine, family: 'debian' | 'ubuntu'): string[] {
  const missing = lacking(machine)
  const names = machine.dockerCe ? dockerCom : family === 'debian' ? debian : ubuntu
  const wanted = [
    ...(missing.engine ? names.engine : []),
    ...(missing.client || missing.engine ? [names.client] : []),
    ...(missing.compose ? [names.compose] : []),
    ...(missing.buildx ? [names.buildx] : []),
    // `--images debian` starts from a base that mmdebstrap makes.
    ...(missing.mmdebstrap ? ['mmdebstrap'] : []),
  ]
  return [...new Set(wanted)]
}

const debian = {
  engine: ['docker.io', 'iptables', 'ca-certificates'],
  client: 'docker-cli',
  compose: 'docker-compose',
  buildx: 'docker-buildx',
}
/** Ubuntu's docker.io holds the client too. */
const ubuntu = { ...debian, client: 'docker.io', compose: 'docker-compose-v2' }
const dockerCom = {
  engine: ['docker-ce'],
  client: 'docker-ce-cli',
  compose: 'docker-compose-plugin',
  buildx: 'docker-buildx-plugin',
}

/** What bookworm does not have, or has too old, and trixie's package of which runs on bookworm's libraries. */
const fromTrixie = new Set(['docker.io', 'docker-cli', 'docker-compose', 'docker-buildx'])

/** Commands that install the packages; empty when nothing is missing. */
export function packageSteps(machine: Machine): Step[] {
  const family = machine.os && packagesOf(machine.os)
  if (family === undefined) return []
  const packages = packagesFor(machine, family)
  if (packages.length === 0) return []
  const release = family === 'debian' ? releaseOf(machine.sources, machine.os?.codename) : undefined
  if (release === 'bullseye' || release === 'buster')
    throw new AquaError('DISTRIBUTION_OLD', `${machine.os?.pretty} is too old for today's Docker packages`, {
      exit: 'missing',
      hint: 'upgrade to Debian 12 or newer, or install Docker Engine by hand',
    })
  const borrows = release === 'bookworm' && packages.some((name) => fromTrixie.has(name))
  // A machine whose libraries were lifted to trixie already cannot take bookworm's packages that match the old ones.
  const lifted = borrows && machine.os?.codename === 'trixie'
  const named = (name: string) => (fromTrixie.has(name) ? `${name}/trixie` : name)
  const names = borrows && !lifted ? packages.map(named) : packages
  const apt = (...words: string[]) => ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...words]
  return [
    ...(borrows ? trixieSteps(machine) : []),
    asRoot(machine, {
      title: 'refresh the package lists',
      effect: 'write',
      argv: apt('update'),
      // 100: one of the machine's other sources does not answer. Whether ours did, the install step shows.
      okCodes: [100],
    }),
    asRoot(machine, {
      title: `install ${packages.join(', ')}`,
      effect: 'write',
      // Named releases instead of `-t trixie`, which would lift libc6, base-files and 30 more to trixie with them.
      // No recommended packages on Debian: they are git, criu and needrestart, and double the download.
      argv: apt(
        'install',
        '-y',
        ...(family === 'debian' ? ['--no-install-recommends'] : []),
        ...(lifted ? ['-t', 'trixie'] : []),
        // Unattended upgrades hold the lock for minutes on a machine that was just started.
        '-o',
        'DPkg::Lock::Timeout=300',
        ...names,
      ),
    }),
  ]
}

function trixieSteps(machine: Machine): Step[] {
  const archive = debianArchive(machine.sources, 'bookworm')
  if (archive === undefined)
    throw new AquaError('APT_SOURCE', "Debian's main archive is not among this machine's apt sources", {
      exit: 'missing',
      hint: 'add it to /etc/apt/sources.list.d/debian.sources, or install Docker Engine and Compose by hand',
    })
  return [
    ...fileSteps(machine, pinFile, pinFor('trixie'), 'keep trixie to what is asked for by name'),
    ...fileSteps(machine, sourceFile, sourceFor(archive, 'trixie'), 'add Debian trixie from the same mirror'),
  ]
}

/** A file of root's: written in our own folder, then put in place by `install`, which sudo can do. */
function fileSteps(machine: Machine, file: string, text: string, title: string): Step[] {
  if (machine.files[file] === text) return []
  const draft = path.join(machine.stateDir, 'install', path.basename(file))
  return [
    {
      title: `write ${path.basename(draft)}`,
      effect: 'write',
      would: [
        `write ${draft}:`,
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => `  ${line}`),
      ],
      act: async () => {
        await mkdir(path.dirname(draft), { recursive: true })
        await writeFile(draft, text)
      },
    },
    asRoot(machine, { title, effect: 'write', argv: ['install', '-D', '-m', '0644', draft, file] }),
  ]
}
