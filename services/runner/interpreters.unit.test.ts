import { expect, test } from '@jest/globals'
import { createInterpreters, type Interpreters } from './interpreters.ts'
import type { Sandbox } from './sandbox/sandbox.ts'

/** A pool whose sandboxes start when the test says so. */
function given({ most = 8, spare = 0, patienceMs = 5, signal = new AbortController().signal } = {}) {
  const starts: ((sandbox?: Sandbox) => void)[] = []
  const fails: ((reason: Error) => void)[] = []
  const closed: number[] = []
  const sandboxes = {
    spare,
    open: () =>
      new Promise<Sandbox>((resolve, reject) => {
        const id = starts.length
        fails.push(reject)
        starts.push(() => resolve({ close: () => closed.push(id) } as unknown as Sandbox))
      }),
  }
  const interpreters: Interpreters = createInterpreters({
    sandboxes,
    most,
    db: [],
    targetDeny: () => false,
    signal,
    patienceMs,
  } as never)
  return { interpreters, starts, fails, closed, sandboxes }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))

test('what a scene gives back the next one has, and nothing is started for it', async () => {
  const { interpreters, starts } = given()
  const first = interpreters.open()
  starts[0]?.()
  ;(await first).close()
  await turn()
  await interpreters.open()
  expect(starts).toHaveLength(1)
})

test('who waits longer than it is patient has one started, one after the other', async () => {
  const { interpreters, starts } = given()
  const all = [interpreters.open(), interpreters.open(), interpreters.open()]
  expect(starts).toHaveLength(1)
  await later()
  expect(starts).toHaveLength(1)
  for (const nth of [0, 1, 2]) {
    while (starts.length <= nth) await later()
    starts[nth]?.()
  }
  await Promise.all(all)
  expect(starts).toHaveLength(3)
})

test('ready ones are taken at once', async () => {
  const { interpreters, starts, sandboxes } = given({ spare: 2, patienceMs: 60_000 })
  const all = [interpreters.open(), interpreters.open(), interpreters.open()]
  for (const nth of [0, 1]) {
    while (starts.length <= nth) await turn()
    sandboxes.spare -= 1
    starts[nth]?.()
  }
  const [one] = await Promise.all(all.slice(0, 2))
  await later()
  expect(starts).toHaveLength(2)
  one?.close()
  await all[2]
  expect(starts).toHaveLength(2)
})

test('there are never more than the most', async () => {
  const { interpreters, starts } = given({ most: 1 })
  const first = interpreters.open()
  const second = interpreters.open()
  starts[0]?.()
  const sandbox = await first
  await later()
  expect(starts).toHaveLength(1)
  sandbox.close()
  sandbox.close()
  await second
  let third = false
  void interpreters.open().then(() => (third = true))
  await later()
  expect(third).toBe(false)
})

test('a failure to start is told to who waits, and the next one tries again', async () => {
  const { interpreters, starts, fails } = given()
  const waits = [interpreters.open(), interpreters.open()]
  fails[0]?.(new Error('no memory'))
  for (const each of waits) await expect(each).rejects.toThrow('no memory')
  const again = interpreters.open()
  await turn()
  starts[1]?.()
  await again
})

test('whoever is told to leave waits no longer, nor whoever comes later', async () => {
  const leaving = new AbortController()
  const { interpreters } = given({ most: 1, signal: leaving.signal })
  const waits = interpreters.open()
  leaving.abort(new Error('the platform stops'))
  await expect(waits).rejects.toThrow('the platform stops')
  await expect(interpreters.open()).rejects.toThrow('the platform stops')
})

test('closing ends all of them and whoever waits, and what starts meanwhile', async () => {
  const { interpreters, starts, closed } = given({ most: 2, patienceMs: 0 })
  const first = interpreters.open()
  starts[0]?.()
  await first
  const second = interpreters.open()
  while (starts.length < 2) await later()
  const closing = interpreters.close()
  await expect(second).rejects.toThrow('the run is over')
  starts[1]?.()
  await closing
  expect(closed).toEqual([0, 1])
})
