import type { Stage } from '../../scripts/task.ts'
import type { Service } from '../services.ts'

/** The command to type, for hints. */
export function typed(service: Service, verb: string, stage: Stage): string {
  return `aqua liquibase ${service.short} ${verb}${stage === 'dev' ? '' : ` --stage ${stage}`}`
}
