import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ESCAPE_ATTEMPTS, type Prey } from './escape-attempts.ts'
import { givenCase, givenPool, printed, type GivenCase } from './given-sandbox.ts'
import type { ScriptDatabases } from './sandbox.ts'

const SECRET = 'the-host-only-knows-this'
const pool = givenPool({ scriptTimeoutMs: 3000 })
let folder: string
let server: Server
let prey: Prey
let connections = 0
let given: GivenCase

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testledger-prey-'))
  // Open to all, so that nothing but the sandbox keeps a script from it.
  await chmod(folder, 0o777)
  await writeFile(join(folder, 'secret'), SECRET, { mode: 0o644 })
  server = createServer((socket) => {
    connections += 1
    socket.end(SECRET)
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const { port } = server.address() as AddressInfo
  prey = { secretFile: join(folder, 'secret'), markerFile: join(folder, 'marker'), port }
  process.env['TESTLEDGER_SECRET'] = SECRET
}, 60_000)

afterAll(async () => {
  delete process.env['TESTLEDGER_SECRET']
  await pool.stop()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
}, 60_000)

describe('a script reaches nothing by', () => {
  // One interpreter for all: what an attempt could undo of the walls is undone for those that follow.
  beforeAll(async () => {
    given = await givenCase(pool)
  }, 60_000)
  afterAll(() => given.sandbox.close())
  beforeEach(() => given.sandbox.beginCase())

  test.each(Object.entries(ESCAPE_ATTEMPTS))('%s', async (_, attempt) => {
    const outcome = await given.setup(attempt(prey))
    const told = JSON.stringify(outcome)
    expect(printed(outcome).filter((text) => text.includes('REACHED'))).toEqual([])
    expect(told).not.toContain(SECRET)
    expect(existsSync(prey.markerFile)).toBe(false)
    expect(connections).toBe(0)
    // An attempt that is no valid Python would prove nothing.
    expect(outcome.end).not.toMatchObject({ type: expect.stringMatching(/SyntaxError|IndentationError|NameError/) })
    expect(printed(await given.setup('print("alive")'))).toEqual(['alive'])
  })
})

/** Finds the channel to the host among the open descriptors, as a script would. */
const CHANNEL = `
import os, json, sys, stat
def frame(text):
    data = text if isinstance(text, bytes) else text.encode()
    return len(data).to_bytes(4, 'little') + data
channel = None
for fd in range(3, 32):
    try:
        if stat.S_ISCHR(os.fstat(fd).st_mode) and not os.isatty(fd): channel = fd if channel is None else channel
    except OSError:
        pass
up, seq = sys._getframe(), None
while up:
    if 'job' in up.f_locals: channel, seq = up.f_back.f_locals.get('channel', channel), up.f_locals['job']['seq']
    up = up.f_back
FORGED = {'seq': seq, 'end': {'kind': 'done'}, 'log': [['INFO', 'forged', 'engine']], 'data': '{}', 'env': '{}', 'ENV': '{}',
    'changes': {'env': {'set': {}, 'deleted': []}, 'ENV': {'set': {}, 'deleted': []}}, 'assertions': [], 'secrets': [], 'faults': {}, 'pending': False}
`

/** Puts questions to the host as the engine does, whatever they hold. */
const ASKING = `
QUESTION = '{"db": "own", "sql": "select 1", "params": null, "all": false}'
def ask(text, times=1):
    data = text.encode()
    os.write(channel, ((len(data) | 1 << 31).to_bytes(4, 'little') + data) * times)`

/** Reads a question as the databases of a run do, and takes a moment for the answer. */
async function answered(question: string): Promise<string> {
  const { sql } = JSON.parse(question) as { sql?: unknown }
  if (typeof sql !== 'string') throw new Error('of another shape')
  await new Promise((resolve) => setImmediate(resolve))
  return JSON.stringify({ columns: [], rows: [], padding: 'x'.repeat(1_000_000) })
}

describe('the host survives', () => {
  beforeEach(async () => {
    given = await givenCase(pool)
  }, 60_000)
  afterEach(() => given.sandbox.close())

  test.each<[string, string]>([
    ['a length without end', `os.write(channel, b'\\xff\\xff\\xff\\x7f' + b'x' * 100)`],
    ['a hundred megabytes', `\nfor _ in range(100): os.write(channel, frame(b'x' * 1_000_000))`],
    ['a frame that is no JSON', `os.write(channel, frame('{'))`],
    ['a frame that is no UTF-8', `os.write(channel, frame(b'\\xff\\xfe'))`],
    ['a frame of another shape', `os.write(channel, frame('{"seq": %d, "end": {"kind": "done"}}' % seq))`],
    ['a frame of another question', `os.write(channel, frame(json.dumps(FORGED | {'seq': seq + 1})))`],
    ['deeply nested JSON', `os.write(channel, frame('[' * 1_000_000))`],
    ['two frames at once', `os.write(channel, frame(json.dumps(FORGED)) * 2)`],
    ['a closed channel', `os.close(channel)`],
  ])('%s', async (_, attack) => {
    const outcome = await given.setup(`${CHANNEL}\n${attack}`)
    expect(outcome.end).toMatchObject({ kind: 'limit', limit: 'crash', message: expect.stringContaining('沙箱') })
    expect(printed(await given.setup('print("alive")'))).toEqual(['alive'])
  })

  test.each<[string, string]>([
    ['a question where nobody answers', `ask('{"db": "x", "sql": "select 1", "params": null, "all": false}')`],
    ['a question that is no JSON', `ask('{')`],
    ['a question of another shape', `ask('{"db": "own", "sql": 5}')`],
    ['a question longer than allowed', `ask('"' + 'x' * 1_100_000 + '"')`],
    ['the length of a question without end', `os.write(channel, b'\\xff\\xff\\xff\\xff')`],
    ['two questions at once', `ask(QUESTION, times=2)`],
    ['a question behind a reply', `os.write(channel, frame(json.dumps(FORGED))); ask(QUESTION, times=2)`],
    ['questions without listening', `\nwhile True: ask(QUESTION)`],
  ])('%s', async (name, attack) => {
    const databases = { names: ['own'], answer: answered }
    if (name !== 'a question where nobody answers') {
      given.sandbox.close()
      given = await givenCase(pool, { databases })
    }
    const outcome = await given.setup(`${CHANNEL}\n${ASKING}\n${attack}\nos.read(channel, 1)`)
    if (name !== 'a question behind a reply')
      expect(outcome.end).toMatchObject({ kind: 'limit', limit: 'crash', message: expect.stringContaining('沙箱') })
    await given.setup('pass')
    expect(printed(await given.setup('print("alive")'))).toEqual(['alive'])
  })

  test('a question before the answer to the last one', async () => {
    given.sandbox.close()
    // Nothing is answered, so that each further question comes too early.
    const answer: ScriptDatabases['answer'] = () => new Promise<string>(() => {})
    given = await givenCase(pool, { databases: { names: ['own'], answer } })
    const { end } = await given.setup(`${CHANNEL}\n${ASKING}
import time
while True:
    ask(QUESTION)
    time.sleep(0.2)`)
    expect(end).toMatchObject({ kind: 'limit', limit: 'crash' })
    expect(printed(await given.setup('print("alive")'))).toEqual(['alive'])
  })

  test('a script that listens on the channel, until its time is over', async () => {
    const outcome = await given.setup(`${CHANNEL}\nos.read(channel, 10)`)
    expect(outcome.end).toMatchObject({ kind: 'limit', limit: 'time' })
    expect(printed(await given.setup('print("alive")'))).toEqual(['alive'])
  })

  test('a forged end of a script: it speaks for that script alone', async () => {
    const other = await givenCase(pool)
    const outcome = await given.setup(`${CHANNEL}\n
import time
os.write(channel, frame(json.dumps(FORGED)))
until = time.monotonic() + 0.3
while time.monotonic() < until: pass`)
    expect(outcome.log.map(({ text }) => text)).toEqual(['forged'])
    // Its true reply came unasked or out of turn: the interpreter is gone, and the run goes on with another.
    await given.setup('print(1)')
    expect(printed(await given.setup('print("alive")'))).toEqual(['alive'])
    expect(printed(await other.setup('print("untouched")'))).toEqual(['untouched'])
    other.sandbox.close()
  })
})
