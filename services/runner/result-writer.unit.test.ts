import { expect, test } from '@jest/globals'
import { createResultWriter } from './result-writer.ts'

/** A writer whose calls end when the test says so. */
function held() {
  const calls: { results: readonly number[]; end: () => void; fail: (reason: Error) => void }[] = []
  const writer = createResultWriter<number>(
    (results) => new Promise((end, fail) => calls.push({ results: [...results], end, fail })),
  )
  return { calls, writer }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what comes while a call is under way makes up the next, in order', async () => {
  const { calls, writer } = held()
  const added = [1, 2, 3].map((result) => writer.add(result))
  expect(calls.map(({ results }) => results)).toEqual([[1]])
  calls[0]?.end()
  await turn()
  expect(calls.map(({ results }) => results)).toEqual([[1], [2, 3]])
  calls[1]?.end()
  await Promise.all(added)
  void writer.add(4)
  expect(calls.at(-1)?.results).toEqual([4])
})

test('who waits for a result goes on when it is written, and not before', async () => {
  const { calls, writer } = held()
  void writer.add(1)
  let went = false
  const going = writer.add(2).then(() => (went = true))
  calls[0]?.end()
  await turn()
  expect(went).toBe(false)
  calls[1]?.end()
  await going
  expect(went).toBe(true)
})

test('a failure is told to who waits and to who comes later, and nothing is written after it', async () => {
  const { calls, writer } = held()
  const waits = [writer.add(1), writer.add(2)]
  calls[0]?.fail(new Error('out of reach'))
  for (const each of waits) await expect(each).rejects.toThrow('out of reach')
  await writer.settled()
  await expect(writer.add(3)).rejects.toThrow('out of reach')
  expect(calls).toHaveLength(1)
})

test('is settled when the call under way has ended', async () => {
  const { calls, writer } = held()
  await writer.settled()
  void writer.add(1)
  let settled = false
  const settling = writer.settled().then(() => (settled = true))
  await turn()
  expect(settled).toBe(false)
  calls[0]?.end()
  await settling
})
