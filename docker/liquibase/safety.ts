import type { Context } from '../../scripts/context.ts'
import type { Step } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import type { Service } from '../services.ts'

/**
 * What saves the schemas of `services` before a migration changes them; called on stage and prod, after the question was
 * answered and before anything runs. The one place where the backup engine joins in: until it does there are no steps.
 */
export function safetyBackup(_ctx: Context, _stage: Stage, _services: readonly Service[]): Promise<Step[]> | Step[] {
  return []
}
