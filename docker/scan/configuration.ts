import fs from 'node:fs/promises'
import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { type Stage, stages } from '../../scripts/task.ts'
import { compose, composeFiles, engineError, type Stack } from '../engine.ts'
import { placeholders } from '../stack.ts'
import { type ComposeService, checkCompose, unset } from './composefile.ts'
import { checkDockerfile } from './dockerfile.ts'
import { distinct, type Finding } from './finding.ts'

/** Every Dockerfile below `docker/`, relative to the project, with `/`. */
export async function dockerfiles(root: string): Promise<string[]> {
  const entries = await fs.readdir(path.join(root, 'docker'), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && /^(Dockerfile(\..+)?|.+\.Dockerfile)$/.test(entry.name))
    .filter((entry) => !entry.name.endsWith('.dockerignore'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort()
}

/** The rules over all Dockerfiles and over every stage as Compose reads it. Needs no network and no engine. */
export async function checkConfiguration(ctx: Context, io: Io, docker: string): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const file of await dockerfiles(ctx.root))
    findings.push(...checkDockerfile(file, await fs.readFile(path.join(ctx.root, file), 'utf8')))
  for (const stage of stages) findings.push(...(await checkStage(ctx, io, docker, stage)))
  return distinct(findings)
}

async function checkStage(ctx: Context, io: Io, docker: string, stage: Stage): Promise<Finding[]> {
  const files = composeFiles(ctx.root, stage)
  // No value of this machine is read: a secret that shows is one that a file gives away.
  const stack: Stack = placeholders({ stage, project: 'scan', files, env: { IMAGE_TAG: unset }, docker })
  const result = await io.probe(compose(stack, 'config', '--format', 'json'), { env: stack.env })
  if (result.code !== 0)
    throw (
      engineError(result, docker) ??
      new AquaError('COMPOSE_UNREADABLE', `Compose cannot read the files of ${stage}`, {
        details: result.stderr.trim().split('\n').slice(-5),
        hint: `docker compose -f ${files.join(' -f ')} config`,
      })
    )
  const { services = {} } = JSON.parse(result.stdout) as { services?: Record<string, ComposeService> }
  const overlay = files.at(-1) ?? ''
  const source = await fs.readFile(overlay, 'utf8')
  return checkCompose(stage, path.relative(ctx.root, overlay).split(path.sep).join('/'), source, services)
}
