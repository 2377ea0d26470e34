import { AquaError } from '../../scripts/error.ts'
import type { CommandStep } from '../../scripts/step.ts'
import type { Machine } from './machine.ts'

type Who = Pick<Machine, 'root' | 'interactive' | 'sudo'>

/** The same command with root's rights: as it is, through sudo at a terminal, or through a sudo that asks nothing. */
export function asRoot({ root, interactive, sudo }: Who, step: CommandStep): CommandStep {
  if (root) return step
  if (sudo === 'absent')
    throw new AquaError('NOT_ROOT', 'this needs root, and there is no sudo here', {
      exit: 'missing',
      hint: 'run aqua doctor --fix as root',
    })
  // sudo reads the password from the terminal, so the terminal is handed over.
  if (interactive) return { ...step, argv: ['sudo', ...step.argv], interactive: true }
  if (sudo === 'asks')
    throw new AquaError('NOT_ROOT', 'this needs root, and sudo asks for a password that nobody can type here', {
      exit: 'missing',
      hint: 'run aqua doctor --fix at a terminal or as root',
    })
  return { ...step, argv: ['sudo', '-n', ...step.argv] }
}
