import fs from 'node:fs/promises'
import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import type { ActStep, Step } from '../../scripts/step.ts'
import { table } from '../../scripts/table.ts'
import { writeFileWhole } from '../state.ts'
import { archiveName, exampleFolder, requireImages, saveCommand, saveImage, withFolder } from './archive.ts'
import { checkContents, type Format, formats } from './document.ts'
import { fileStem } from './names.ts'
import { findTargets, type TargetArgs, type Targets } from './targets.ts'
import { findTool, provideTool, type Tool, toolCommand } from './tool.ts'

/** Relative to the project; ignored by git. */
export const sbomFolder = path.join('reports', 'sbom')

const kinds = Object.keys(formats) as Format[]

/** Where the bill of materials of an image goes, relative to the project. */
export function sbomFile(image: string, format: Format): string {
  return path.join(sbomFolder, `${fileStem(image)}.${formats[format].suffix}`)
}

interface Sbom {
  image: string
  id: string
  packages: number
  files: readonly string[]
}

/** A bill of materials of each image in both formats, checked before it gets its name. */
export async function sbomSteps(ctx: Context, args: TargetArgs): Promise<Step[]> {
  const targets = await findTargets(ctx, args)
  const { images, docker, mirror } = targets
  const tool = await findTool(ctx, ['syft'], mirror)
  ctx.note(`generator: ${tool.name} ${tool.version}${tool.image ? ` in ${tool.image}` : ' from PATH'}`)
  const files = images.flatMap((image) => kinds.map((kind) => sbomFile(image, kind)))
  const ids = new Map<string, string>()
  const sboms: Sbom[] = []
  const ready: ActStep = {
    title: 'images to describe',
    effect: 'write',
    would: [`remove ${files.join(', ')}`],
    async act(io) {
      // One of an older image must not be there to be attached to a release when this run fails.
      for (const file of files) await fs.rm(path.join(ctx.root, file), { force: true })
      for (const [name, id] of await requireImages(io, docker, images)) ids.set(name, id)
      await provideTool(io, docker, tool)
    },
  }
  const show: Step = {
    title: 'table',
    effect: 'read',
    async act(io) {
      const rows = sboms.map(({ image, packages, files: [spdx = '', cyclonedx = ''] }) => ({
        image,
        packages: String(packages),
        spdx,
        cyclonedx,
      }))
      for (const line of table(rows)) io.out.print(line)
      io.result({ sboms })
    },
  }
  return [ready, ...images.map((image) => imageStep(ctx, tool, targets, image, ids, sboms)), show]
}

function imageStep(
  ctx: Context,
  tool: Tool,
  { docker, ofServices }: Targets,
  image: string,
  ids: ReadonlyMap<string, string>,
  sboms: Sbom[],
): ActStep {
  const command = (work: string) =>
    toolCommand(
      tool,
      { docker, work, cache: work, network: false, env: { SYFT_CHECK_FOR_APP_UPDATE: 'false' } },
      (at) => [
        ...['scan', `docker-archive:${at(archiveName)}`],
        // By name and id: the file itself says which image it is about.
        ...['--source-name', image, '--source-version', ids.get(image) ?? '…'],
        ...kinds.flatMap((kind) => ['--output', `${formats[kind].syft}=${at(formats[kind].suffix)}`]),
      ],
    )
  return {
    title: `sbom of ${image}`,
    effect: 'write',
    would: [
      saveCommand(docker, image, exampleFolder(ctx)).join(' '),
      command(exampleFolder(ctx)).argv.join(' '),
      `write ${kinds.map((kind) => sbomFile(image, kind)).join(', ')}`,
    ],
    act: (io) =>
      withFolder(ctx, async (folder) => {
        await saveImage(io, docker, image, folder)
        io.progress(`looking for what ${image} is made of`)
        const { argv, options } = command(folder)
        await io.run(argv, options)
        const texts = await Promise.all(
          kinds.map((kind) => fs.readFile(path.join(folder, formats[kind].suffix), 'utf8')),
        )
        const counts = kinds.map((kind, i) => {
          const contents = formats[kind].read(texts[i] ?? '')
          checkContents(contents, ofServices.has(image))
          return contents.packages.length
        })
        const written = kinds.map((kind) => sbomFile(image, kind))
        for (const [i, file] of written.entries()) await writeFileWhole(path.join(ctx.root, file), texts[i] ?? '')
        sboms.push({ image, id: ids.get(image) ?? '', packages: counts[0] ?? 0, files: written })
        io.done(`sbom of ${image}: ${counts[0]} packages`)
      }),
  }
}
