/** `info` is worth knowing and needs nothing; `warning` works today; `missing` stops `aqua up`. */
export type State = 'ok' | 'info' | 'warning' | 'missing'

/** One line of `aqua doctor`. */
export interface Finding {
  requirement: string
  state: State
  /** The version or amount that was found. */
  found: string
  /** What to do about it: a command to run or a line to change. */
  fix?: string
}

/** A finding with its `fix` left out where there is none. */
export function finding(requirement: string, state: State, found: string, fix?: string): Finding {
  return { requirement, state, found, ...(fix === undefined ? {} : { fix }) }
}
