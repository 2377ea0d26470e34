import fs from 'node:fs'
import path from 'node:path'
import type { Service } from '../services.ts'

/** A property in a service's own configuration, by its full name as the file spells it. */
export interface SpringKey {
  key: string
  /** Relative to the workspace. */
  file: string
  line: number
  /** The profile whose file it is; undefined where it may always hold. */
  profile: string | undefined
}

/** Modules whose resources a service has on its class path: its own, and those that all share. */
const shared = 'backend-common'
const resources = ['src/main/resources', 'src/main/resources/config']

/** The properties below `spring.liquibase` in the configuration that a service brings along. Their values are Spring's business. */
export function springKeys(root: string, service: Service): SpringKey[] {
  return [service.name, shared].flatMap((top) =>
    ['', ...entries(path.join(root, top))].flatMap((module) =>
      resources.flatMap((folder) => {
        const relative = path.posix.join(top, module, folder)
        return entries(path.join(root, relative)).flatMap((name) => {
          const [, profile, kind] = /^(?:application-(.+)|.+)\.(ya?ml|properties)$/.exec(name) ?? []
          if (kind === undefined) return []
          const file = path.posix.join(relative, name)
          const text = fs.readFileSync(path.join(root, file), 'utf8')
          const keys = kind === 'properties' ? keysOfProperties(text) : keysOfYaml(text)
          return keys
            .filter(({ key }) => key.startsWith('spring.liquibase.'))
            .map(({ key, line }) => ({ key, file, line, profile }))
        })
      }),
    ),
  )
}

function entries(folder: string): string[] {
  return fs.existsSync(folder) && fs.statSync(folder).isDirectory() ? fs.readdirSync(folder) : []
}

type Key = Pick<SpringKey, 'key' | 'line'>

export function keysOfProperties(text: string): Key[] {
  return text.split('\n').flatMap((row, i) => {
    const [, key] = /^\s*([\w.[\]-]+)\s*[=:]/.exec(row) ?? []
    return key === undefined ? [] : [{ key, line: i + 1 }]
  })
}

/** Full names of the keys of a YAML file: nested, with dots, or in braces. No more of YAML than configuration uses. */
export function keysOfYaml(text: string): Key[] {
  const found: Key[] = []
  let open: { indent: number; key: string }[] = []
  for (const [i, row] of text.split('\n').entries()) {
    if (/^(---|\.\.\.)/.test(row)) open = []
    const [, space = '', quoted, bare, value = ''] =
      /^(\s*)(?:["']([^"']+)["']|([\w.[\]-]+))\s*:(?:\s+(.*))?$/.exec(row) ?? []
    const name = quoted ?? bare
    if (name === undefined) continue
    open = open.filter(({ indent }) => indent < space.length)
    const key = [...open.map((one) => one.key), name].join('.')
    open.push({ indent: space.length, key: name })
    found.push({ key, line: i + 1 })
    if (value.startsWith('{'))
      found.push(...keysInBraces(value).map((inner) => ({ key: `${key}.${inner}`, line: i + 1 })))
  }
  return found
}

function keysInBraces(text: string): string[] {
  const found: string[] = []
  const open: string[] = []
  let last = ''
  for (const [part] of text.matchAll(/[{}]|[\w.-]+(?=["']?\s*:\s)/g)) {
    if (part === '{') open.push(last)
    else if (part === '}') open.pop()
    else {
      last = part
      found.push([...open.slice(1), part].join('.'))
    }
  }
  return found
}
