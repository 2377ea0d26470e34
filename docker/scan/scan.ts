import fs from 'node:fs/promises'
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { Context } from '../../scripts/context.ts'
import { AquaError, isAquaError } from '../../scripts/error.ts'
import type { ActStep, Io, Step } from '../../scripts/step.ts'
import { archiveName, exampleFolder, requireImages, saveCommand, saveImage, withFolder } from './archive.ts'
import { checkConfiguration } from './configuration.ts'
import { type Exception, judge, readExceptions } from './exceptions.ts'
import type { Finding } from './finding.ts'
import { grype } from './grype.ts'
import type { Mode } from './mode.ts'
import { type Report, removeReports, reportFiles, writeReports } from './report.ts'
import type { Scanner } from './scanner.ts'
import { findTargets, type TargetArgs } from './targets.ts'
import { findTool, provideTool, type Tool, toolCommand } from './tool.ts'
import { trivy } from './trivy.ts'
import { verdict } from './verdict.ts'

export interface ScanOptions extends TargetArgs {
  mode: Mode
  /** The Dockerfiles and Compose files only; no scanner, no engine, no network. */
  configurationOnly: boolean
}

/** The name that the configuration goes by among the images. */
const configuration = 'configuration'

/** What the steps share; each adds to it. */
interface Run {
  reports: Report[]
  /** Targets that could not be looked at, with the reason. */
  failed: { target: string; error: AquaError }[]
  ids: Map<string, string>
  built: Date | undefined
}

/** Look at every image and at the configuration, write the reports, and only then judge. */
export async function scanSteps(ctx: Context, options: ScanOptions): Promise<Step[]> {
  const exceptions = await readExceptions(ctx.root)
  const { images, docker, mirror } = await findTargets(ctx, options)
  const run: Run = { reports: [], failed: [], ids: new Map(), built: undefined }
  const wanted = options.configurationOnly ? [] : images
  const withConfiguration = options.configurationOnly || options.image.length === 0
  const steps: Step[] = withConfiguration ? [configurationStep(ctx, run, exceptions, docker)] : []
  if (wanted.length > 0) {
    const tool = await findTool(ctx, ['grype', 'trivy'], mirror)
    ctx.note(`scanner: ${tool.name} ${tool.version}${tool.image ? ` in ${tool.image}` : ' from PATH'}`)
    const scan: Scan = { ctx, run, exceptions, docker, tool, scanner: tool.name === 'trivy' ? trivy : grype }
    steps.push(databaseStep(scan, wanted), ...wanted.map((image) => imageStep(scan, image)))
  }
  const judgement: Step = {
    title: `verdict (${options.mode})`,
    effect: 'read',
    act: async (io) => verdict(io, { ...run, exceptions, mode: options.mode, now: ctx.now() }),
  }
  return [...steps, judgement]
}

interface Scan {
  ctx: Context
  run: Run
  exceptions: readonly Exception[]
  docker: string
  tool: Tool
  scanner: Scanner
}

/** A failure is kept for the verdict, so that the other targets are looked at all the same. */
async function attempt(io: Io, run: Run, target: string, work: () => Promise<string>): Promise<void> {
  try {
    io.done(await work())
  } catch (error) {
    if (io.signal.aborted || !isAquaError(error)) throw error
    run.failed.push({ target, error })
    io.done(`${target}: not scanned`)
    io.out.warn(`${target} could not be scanned: ${error.message}`)
  }
}

async function keep(
  ctx: Context,
  run: Run,
  exceptions: readonly Exception[],
  found: { target: string; tool: Tool | undefined; findings: readonly Finding[] },
): Promise<string> {
  const { target, tool } = found
  const findings = judge(found.findings, target, exceptions, ctx.now())
  const report: Report = { target, imageId: run.ids.get(target), tool, findings }
  await writeReports(ctx.root, report)
  run.reports.push(report)
  return `${target}: ${findings.length === 1 ? '1 finding' : `${findings.length} findings`}`
}

function configurationStep(ctx: Context, run: Run, exceptions: readonly Exception[], docker: string): ActStep {
  return {
    title: configuration,
    effect: 'write',
    would: ['look at every Dockerfile below docker/', `${docker} compose config, for each stage`],
    async act(io) {
      await removeReports(ctx.root, [configuration])
      await attempt(io, run, configuration, async () =>
        keep(ctx, run, exceptions, {
          target: configuration,
          tool: undefined,
          findings: await checkConfiguration(ctx, io, docker),
        }),
      )
    },
  }
}

function call(scan: Scan, work: string, network: boolean) {
  const cache = path.join(scan.ctx.stateDir, 'scanner')
  return { docker: scan.docker, work, cache, network, env: scan.scanner.env }
}

function databaseStep(scan: Scan, images: readonly string[]): ActStep {
  const { ctx, run, docker, tool, scanner } = scan
  const query = (work: string, words: readonly string[], network: boolean) =>
    toolCommand(tool, call(scan, work, network), () => words)
  return {
    title: 'vulnerability database',
    effect: 'write',
    would: [
      ...scanner.updates().map((words) => query(exampleFolder(ctx), words, true).argv.join(' ')),
      query(exampleFolder(ctx), scanner.status(), false).argv.join(' '),
    ],
    async act(io) {
      await removeReports(ctx.root, images)
      run.ids = await requireImages(io, docker, images)
      await provideTool(io, docker, tool)
      await withFolder(ctx, async (folder) => {
        await fs.mkdir(call(scan, folder, true).cache, { recursive: true })
        let said = ''
        for (const words of scanner.updates()) {
          io.progress('looking for a newer one')
          const { argv, options } = query(folder, words, true)
          const result = await io.probe(argv, options)
          if (result.code !== 0) said = lastLine(result.stderr)
        }
        const { argv, options } = query(folder, scanner.status(), false)
        const status = await io.probe(argv, options)
        run.built = readDatabase(scanner, status.stdout, ctx.now(), said)
        if (said) io.out.note(`no newer vulnerability database: ${said}`)
        io.done(`vulnerability database of ${run.built.toISOString().slice(0, 16).replace('T', ' ')} UTC`)
      })
    },
  }
}

/** Why the update failed belongs to the error: it is usually the cause. */
function readDatabase(scanner: Scanner, stdout: string, now: Date, said: string): Date {
  try {
    return scanner.database(stdout, now)
  } catch (error) {
    if (!isAquaError(error) || said === '') throw error
    throw new AquaError(error.code, error.message, { exit: 'missing', details: [said], hint: error.hint ?? '' })
  }
}

function lastLine(text: string): string {
  return stripVTControlCharacters(text.trim().split('\n').at(-1) ?? '').trim()
}

function imageStep(scan: Scan, image: string): ActStep {
  const { ctx, run, exceptions, docker, tool, scanner } = scan
  const command = (work: string) =>
    toolCommand(tool, call(scan, work, false), (at) => scanner.scan(at(archiveName), at('report.json')))
  return {
    title: `scan ${image}`,
    effect: 'write',
    would: [
      saveCommand(docker, image, exampleFolder(ctx)).join(' '),
      command(exampleFolder(ctx)).argv.join(' '),
      `write ${Object.values(reportFiles(image)).join(', ')}`,
    ],
    act: (io) =>
      attempt(io, run, image, () =>
        withFolder(ctx, async (folder) => {
          await saveImage(io, docker, image, folder)
          io.progress(`looking for what ${image} is made of`)
          const { argv, options } = command(folder)
          await io.run(argv, options)
          const text = await fs.readFile(path.join(folder, 'report.json'), 'utf8')
          return keep(ctx, run, exceptions, { target: image, tool, findings: scanner.parse(text) })
        }),
      ),
  }
}
