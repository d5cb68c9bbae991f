import { expect, test } from '@jest/globals'
import { caseStream } from '../../contracts/case.ts'
import type { JsonText } from '../../contracts/json.ts'
import type { Requested } from '../commands/run.ts'
import { createExecuteRun } from './execute.ts'

const PIN = { stream: caseStream(1), revision: 0 }
const json = (text: string): JsonText => text as JsonText
const unsaved = { title: 'a', headers: json('{}'), request: json('{}'), file: json('[]') }
const wanted = { title: 'a', interface: PIN, unsaved: { ...unsaved, setup_script: '', teardown_script: '' } }
const claimed = (state: Partial<Requested>): Requested => ({
  status: 'claimed',
  request: {
    id: 1,
    kind: 'scene',
    debug: false,
    name: 'a',
    project: 1,
    environment: { ...PIN, id: 1, name: 'e' },
    tester: 'admin',
    flows: [{ name: 'a', cases: [wanted, wanted] }],
  },
  correlationId: 'c',
  requestedAt: '2026-01-02T03:04:05.000000+08:00',
  attempt: 4,
  counts: { all: 1, success: 1, fail: 0, error: 0 },
  progress: [{ done: 1, deaths: 0, begun: false, mayHaveRun: 1 }],
  failures: 0,
  ...state,
})

/** What is said of the run; undefined when its cases are run instead. */
async function said(state: Partial<Requested>): Promise<string | undefined> {
  const reached = new Error('a case is asked for')
  const commands: object[] = []
  const execute = createExecuteRun({
    handle: async (_decider: unknown, _stream: unknown, command: (state: never) => unknown) => {
      commands.push((await command({} as never)) as object)
      return {}
    },
    blobs: { spill: async (value: unknown) => value, unspill: async (value: unknown) => value },
    store: { load: () => Promise.resolve([]) },
    pinned: {
      environment: () =>
        Promise.resolve({
          host: '',
          headers: new Map(),
          globalVariables: new Map(),
          globalFunc: '',
          secrets: [],
          db: [],
        }),
      case: () => Promise.reject(reached),
    },
    files: () => () => Promise.resolve(undefined),
    targetDeny: () => false,
    clock: () => '2026-11-21T20:00:00.000000+08:00',
  } as never)
  const never = new AbortController().signal
  try {
    await execute(claimed(state), { now: never, soon: never, cancelled: never })
  } catch (error) {
    if (error !== reached) throw error
    return undefined
  }
  return JSON.stringify(commands)
}

const after = (deaths: number): Partial<Requested> => ({
  progress: [{ done: 1, deaths, begun: false, mayHaveRun: 1 }],
})

test('a case that two attempts have died of is run once more, one that three have died of is 错误 and ends its run', async () => {
  expect(await said(after(2))).toBeUndefined()
  const skipped = await said(after(3))
  expect(skipped).toContain('"flow":0,"index":1,"state":"错误"')
  expect(skipped).toContain('多次异常退出，已跳过')
  expect(skipped).toContain('"end":{}')
})

test('a run that fails again and again without a result is ended', async () => {
  expect(await said({ failures: 5 })).toBeUndefined()
  const first = { all: 0, success: 0, fail: 0, error: 0 }
  const ended = await said({
    failures: 6,
    counts: first,
    progress: [{ done: 0, deaths: 0, begun: false, mayHaveRun: 0 }],
  })
  expect(ended?.match(/运行多次出错，已终止/g)).toHaveLength(2)
  expect(ended).toContain('"end":{}')
})

test('a run that somebody cancelled ends without a further case', async () => {
  const ended = await said({ cancelledBy: 'admin' })
  expect(ended).toBe('[{"type":"RecordResults","attempt":4,"results":[],"end":{}}]')
})
