import { parse } from 'yaml'
import { AquaError } from '../scripts/error.ts'

export interface Label {
  name: string
  /** Six hexadecimal digits. */
  color: string
  description: string
}

/** Reads .github/labels.yml; a label that GitHub would refuse is an error here, before anything is sent. */
export function parseLabels(text: string, file: string): Label[] {
  const refuse = (what: string) =>
    new AquaError('LABELS', `${file}: ${what}`, { exit: 'problems', hint: 'each label has name, color, description' })
  const list: unknown = parse(text)
  if (!Array.isArray(list)) throw refuse('not a list')
  const labels = list.map((entry: Partial<Record<keyof Label, unknown>>, index): Label => {
    const { name, color, description = '' } = entry ?? {}
    if (typeof name !== 'string' || name === '' || name.length > 50)
      throw refuse(`label ${index + 1} has no name of 1 to 50 characters`)
    // An unquoted 000000 is a number in YAML, and 1e10ab may be one.
    if (typeof color !== 'string' || !/^[0-9a-f]{6}$/i.test(color))
      throw refuse(`the colour of "${name}" is not six hexadecimal digits, in quotes where it looks like a number`)
    if (typeof description !== 'string' || description.length > 100)
      throw refuse(`the description of "${name}" is longer than 100 characters`)
    return { name, color: color.toLowerCase(), description }
  })
  const seen = new Set<string>()
  for (const { name } of labels) {
    // GitHub takes "Bug" and "bug" for one label.
    if (seen.has(name.toLowerCase())) throw refuse(`"${name}" is there twice`)
    seen.add(name.toLowerCase())
  }
  return labels
}

/** Those that are missing or look different, by GitHub's own list. Labels that nobody listed are left alone. */
export function changedLabels(wanted: readonly Label[], present: readonly Label[]): Label[] {
  const same = (a: Label, b: Label) =>
    a.name === b.name && a.color === b.color.toLowerCase() && a.description === (b.description ?? '')
  return wanted.filter((label) => !present.some((one) => same(label, one)))
}
