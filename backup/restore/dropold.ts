import { loadStack } from '../../docker/stack.ts'
import type { Context } from '../../scripts/context.ts'
import type { Step } from '../../scripts/step.ts'
import { bytes } from '../../scripts/table.ts'
import type { Stage } from '../../scripts/task.ts'
import { connect, identifier } from '../postgres.ts'
import { clear } from './hold.ts'
import { keptDatabases } from './swap.ts'

async function look(ctx: Context, stage: Stage) {
  const { stack } = await loadStack(ctx, stage, { fileOptional: true })
  const postgres = await connect(ctx, stack)
  return { postgres, kept: await keptDatabases(ctx, postgres) }
}

/** Databases that restores of all schemas have put aside. */
export async function keptNames(ctx: Context, stage: Stage): Promise<string[]> {
  return (await look(ctx, stage)).kept.map(({ name, bytes: size }) => `${name} (${bytes(size)})`)
}

export async function dropOldSteps(ctx: Context, stage: Stage): Promise<Step[]> {
  const { postgres, kept } = await look(ctx, stage)
  if (kept.length === 0) ctx.note('restores have put no database aside')
  return kept.map(({ name, bytes: size }) => ({
    title: `delete ${name} (${bytes(size)})`,
    effect: 'destroy',
    would: [`DROP DATABASE ${identifier(name)}`],
    act: (io) => clear(io, postgres, postgres.database, name),
  }))
}
