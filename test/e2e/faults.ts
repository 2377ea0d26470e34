import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { program } from './stack.ts'

/**
 * What can go wrong with one call of docker. refuse: it does not get to the engine; late: all its output arrives and then it fails;
 * die: killed after 300 bytes of output; drop: the server ends every connection of aqua to `database` as the call begins; kill, killLate:
 * aqua itself is killed outright as the call begins or ends.
 */
export const callFaults = ['refuse', 'late', 'die', 'drop', 'kill', 'killLate'] as const
export type CallFault = (typeof callFaults)[number]

/** A docker that numbers its calls, some of which come at the same time, and spoils the one that is asked for. aqua calls it as AQUA_DOCKER. */
export function faultyDocker(container: string, database: string) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-faulty-docker-'))
  const file = path.join(folder, 'docker')
  const drop = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}' AND application_name LIKE 'aqua%'`
  const script = `#!/bin/bash
exec 9>> '${folder}/lock'
flock 9
n=$(( $(cat '${folder}/count') + 1 ))
echo $n > '${folder}/count'
exec 9>&-
read -r at kind < '${folder}/plan'
[ "$n" = "$at" ] || exec ${program} "$@"
case $kind in
  refuse) echo 'error during connect: a fault was asked for' >&2; exit 1 ;;
  late) ${program} "$@"; exit 1 ;;
  die) ${program} "$@" > >(dd bs=1 count=300 status=none; kill -9 0); sleep 60 ;;
  drop) ${program} exec ${container} psql -qAt -U aquastream -c "${drop}" >/dev/null </dev/null; exec ${program} "$@" ;;
  kill) kill -9 $PPID; exit 1 ;;
  killLate) ${program} "$@"; kill -9 $PPID ;;
esac
`
  fs.writeFileSync(file, script, { mode: 0o755 })
  return {
    file,
    arm(at: number, kind: CallFault | 'none') {
      fs.writeFileSync(path.join(folder, 'count'), '0')
      fs.writeFileSync(path.join(folder, 'plan'), `${at} ${kind}\n`)
    },
    calls: () => Number(fs.readFileSync(path.join(folder, 'count'), 'utf8')),
    remove: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
}

/**
 * What can go wrong with one request to S3. denied: 403; broken: 500 for this request and all that follow; hiccup: 500 once; cut: the
 * connection breaks in the middle of the request; lost: the server has done it and its answer does not arrive; slow: a second
 * late; kill, killLate: aqua is killed outright before the server gets the request, or after it has answered.
 */
export const requestFaults = ['denied', 'broken', 'hiccup', 'cut', 'lost', 'slow', 'kill', 'killLate'] as const
export type RequestFault = (typeof requestFaults)[number]

/** A proxy before an S3 server that numbers the requests and spoils the one that is asked for. */
export async function faultyS3(target: string, killAqua: () => void) {
  const to = new URL(target)
  let plan: { at: number; kind: RequestFault | 'none' } = { at: 0, kind: 'none' }
  let count = 0
  const log: string[] = []
  const server = http.createServer((request, response) => {
    count += 1
    log.push(`${count} ${request.method} ${request.url}`)
    const hit = plan.kind !== 'none' && (count === plan.at || (plan.kind === 'broken' && count > plan.at))
    const fault = hit ? plan.kind : 'none'
    const answer = (status: number, code: string) => {
      request.resume().on('end', () => {
        response.writeHead(status, { 'content-type': 'application/xml' })
        response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>asked for</Message></Error>`)
      })
    }
    if (fault === 'denied') return answer(403, 'AccessDenied')
    if (fault === 'broken' || fault === 'hiccup') return answer(500, 'InternalError')
    if (fault === 'kill') return killAqua()
    const forward = http.request({
      host: to.hostname,
      port: to.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    })
    forward.on('error', () => response.destroy())
    if (fault === 'cut') {
      const length = Number(request.headers['content-length'] ?? 0)
      let passed = 0
      const cut = () => {
        forward.destroy()
        request.socket.destroy()
      }
      if (length === 0) return cut()
      request.on('data', (chunk: Buffer) => {
        passed += chunk.length
        forward.write(chunk)
        if (passed >= length / 2) cut()
      })
      return
    }
    forward.on('response', (answered) => {
      if (fault === 'lost' || fault === 'killLate') {
        answered.resume().on('end', () => {
          if (fault === 'killLate') killAqua()
          request.socket.destroy()
        })
        return
      }
      const pass = () => {
        response.writeHead(answered.statusCode ?? 502, answered.headers)
        answered.pipe(response)
      }
      if (fault === 'slow') setTimeout(pass, 1000)
      else pass()
    })
    request.on('error', () => forward.destroy())
    request.pipe(forward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm(at: number, kind: RequestFault | 'none') {
      plan = { at, kind }
      count = 0
      log.length = 0
    },
    requests: () => count,
    log: () => log.join('\n'),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
