import type { Context } from '../../scripts/context.ts'
import type { Step } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import { lockStep } from '../lock.ts'
import { type Service, services } from '../services.ts'
import { type RollbackTo, rollbackSteps, updateSteps } from './change.ts'
import { historyStep, sqlStep, statusStep, validateStep } from './look.ts'
import { openSession, type Save } from './session.ts'
import { unlockStep } from './unlock.ts'

export const verbs = ['sql', 'update', 'status', 'validate', 'history', 'rollback', 'unlock'] as const
export type Verb = (typeof verbs)[number]

/** The services that migrate a schema, each after those it refers to: the catalogue is in that order. */
export const migrating: readonly Service[] = services.filter((service) => service.changelog !== undefined)

export interface LiquibaseOptions extends RollbackTo {
  stage: Stage
  /** In the order to work in. */
  services: readonly Service[]
  verb: Verb
  force: boolean
  save: Save
}

export async function liquibaseSteps(ctx: Context, options: LiquibaseOptions): Promise<Step[]> {
  const migrates = options.verb !== 'history' && options.verb !== 'unlock'
  const session = await openSession(ctx, options.stage, options.services, migrates, options.save)
  const running: Step = {
    title: 'PostgreSQL runs',
    effect: 'read',
    act: async (io) => void (await session.database(io)),
  }
  const hold = lockStep(ctx, session.project, `liquibase ${options.verb}`)
  const change = (...steps: Step[]) => [hold, running, session.image, ...steps]
  const look = (step: Step) => [running, session.image, step]
  const plan: Record<Verb, () => Step[]> = {
    sql: () => look(sqlStep(session)),
    status: () => look(statusStep(session)),
    validate: () => look(validateStep(session)),
    history: () => [running, historyStep(session)],
    update: () => change(...updateSteps(session)),
    rollback: () => change(...options.services.flatMap((service) => rollbackSteps(session, service, options))),
    unlock: () => [hold, running, unlockStep(session, options.force)],
  }
  return plan[options.verb]()
}
