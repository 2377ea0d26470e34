import { spawn } from 'node:child_process'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseLsof, portError, portHolder, portState, type TakenPort } from '../../docker/ports.ts'
import { parseContainers, parsePorts, publisher } from '../../docker/requirements/containers.ts'
import { overlaps, parseListeners } from '../../docker/requirements/listeners.ts'

const here = {
  platform: process.platform,
  probe: async () => ({ code: 127, stdout: '', stderr: '' }),
}

test("the kernel's table: only listeners, addresses in both families", () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
  const rows = [
    head,
    '   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   106        0 21387 1 0 100 0 0 10 0',
    '   1: 0100007F:1538 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000   106        0 30000 1 0 20 4 30 10 -1',
    '   2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 21400 1 0 100',
    '   3: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 33 0 21401 1 0 100',
    '   4: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 33 0 21402 1 0 100',
    '   5: B80D0120000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 0:0 00:0 0 33 0 21403 1 0 100',
  ]
  assert.equal(parseListeners(rows.join('\n')), [
    { address: '127.0.0.1', port: 5432, uid: 106, inode: 21387 },
    { address: '::', port: 8080, uid: 0, inode: 21400 },
    { address: '::ffff:127.0.0.1', port: 80, uid: 33, inode: 21401 },
    { address: '::1', port: 81, uid: 33, inode: 21402 },
    { address: '2001:db8:0:0:0:0:0:1', port: 82, uid: 33, inode: 21403 },
  ])
})

test('which addresses are in each other’s way', () => {
  assert.ok(overlaps('0.0.0.0', '127.0.0.1'))
  assert.ok(overlaps('127.0.0.1', '::'))
  assert.ok(overlaps('::ffff:127.0.0.1', '127.0.0.1'))
  assert.not(overlaps('::1', '127.0.0.1'))
  assert.not(overlaps('192.0.2.1', '127.0.0.1'))
})

test('lsof: pid and command of every listener', () => {
  assert.equal(parseLsof('p812\ncpostgres\nf7\np900\ncnode\nf20\n'), [
    { pid: 812, name: 'postgres' },
    { pid: 900, name: 'node' },
  ])
  assert.equal(parseLsof(''), [])
})

test('published ports: ranges, IPv6 in both spellings, nothing unpublished, no UDP', () => {
  assert.equal(parsePorts('127.0.0.1:5432->5432/tcp, [::]:8000-8002->8000-8002/tcp, :::80->80/tcp, 9000/tcp'), [
    { address: '127.0.0.1', from: 5432, to: 5432 },
    { address: '::', from: 8000, to: 8002 },
    { address: '::', from: 80, to: 80 },
  ])
  assert.equal(parsePorts('0.0.0.0:53->53/udp'), [])
})

test('a container is found by a port within its range', () => {
  const stdout = 'ab12\tfoo\tbar\tdb\t0.0.0.0:5430-5439->5430-5439/tcp\ncd34\tlone\t\t\t\n'
  const containers = parseContainers({ code: 0, stdout, stderr: '' })
  assert.is(containers[1]?.project, undefined)
  assert.is(publisher(containers, 5432, '127.0.0.1')?.name, 'foo')
  assert.is(publisher(containers, 5440, '127.0.0.1'), undefined)
})

test('a process of another program is named with its pid', async () => {
  const script = `require('node:net').createServer().listen(0, '127.0.0.1', function () { process.send(this.address().port) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  try {
    const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(Number(message))))
    assert.is(await portState(port, '127.0.0.1', process.platform), 'taken')
    // Published everywhere, the same port is in the way too.
    assert.is(await portState(port, '0.0.0.0', process.platform), 'taken')
    assert.equal(await portHolder(port, '127.0.0.1', here), { kind: 'process', name: 'node', pid: child.pid })
  } finally {
    child.kill()
    await new Promise((resolve) => child.once('exit', resolve))
  }
})

test('a port nobody has is free, also right after its listener went', async () => {
  const server = net.createServer()
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port)),
  )
  await new Promise((resolve) => server.close(resolve))
  assert.is(await portState(port, '127.0.0.1', process.platform), 'free')
  assert.is(await portState(port, '0.0.0.0', process.platform), 'free')
  assert.is(await portHolder(port, '127.0.0.1', here), undefined)
})

test('an address that this machine does not have is told from a taken port', async () => {
  // 192.0.2.0/24 is reserved for documentation.
  assert.is(await portState(45_999, '192.0.2.1', 'linux'), 'no-such-address')
})

const taken = (port: number, variable: string, holder: TakenPort['holder']): TakenPort => ({
  wanted: { port, host: '127.0.0.1', variable, container: 'x' },
  holder,
})

test('the error names the holder and the variable that moves the port', () => {
  const one = portError([taken(5432, 'POSTGRES_PORT', { kind: 'process', name: 'postgres', pid: 812 })], 'env/.env.dev')
  assert.is(one.message, 'port 5432 is taken by postgres (pid 812)')
  assert.is(one.hint, 'stop it, or set POSTGRES_PORT in env/.env.dev')
  assert.is(one.exitCode, 3)
})

test('several taken ports are one error', () => {
  const error = portError(
    [
      taken(5432, 'POSTGRES_PORT', { kind: 'container', name: 'foo', project: 'bar' }),
      taken(6379, 'REDIS_PORT', { kind: 'hidden', user: 'user redis' }),
    ],
    'env/.env.dev',
  )
  assert.equal(error.details, [
    'port 5432 is taken by container foo (project bar)',
    'port 6379 is taken by a process of user redis that this user may not look at',
  ])
  assert.is(error.hint, 'stop them, or set POSTGRES_PORT, REDIS_PORT in env/.env.dev')
})

test.run()
