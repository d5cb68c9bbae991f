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
  for (const result of [1, 2, 3]) writer.add(result)
  expect(calls.map(({ results }) => results)).toEqual([[1]])
  calls[0]?.end()
  await turn()
  expect(calls.map(({ results }) => results)).toEqual([[1], [2, 3]])
  calls[1]?.end()
  await writer.unwrittenAtMost(0)
  writer.add(4)
  expect(calls.at(-1)?.results).toEqual([4])
})

test('who may go on with one unwritten result waits for the one before it', async () => {
  const { calls, writer } = held()
  writer.add(1)
  await writer.unwrittenAtMost(1)
  writer.add(2)
  let went = false
  const going = writer.unwrittenAtMost(1).then(() => (went = true))
  await turn()
  expect(went).toBe(false)
  calls[0]?.end()
  await going
  expect(went).toBe(true)
})

test('a failure is told to who waits and to who comes later, and nothing is written after it', async () => {
  const { calls, writer } = held()
  writer.add(1)
  const waits = writer.unwrittenAtMost(0)
  writer.add(2)
  calls[0]?.fail(new Error('out of reach'))
  await expect(waits).rejects.toThrow('out of reach')
  await expect(writer.unwrittenAtMost(5)).rejects.toThrow('out of reach')
  await writer.settled()
  writer.add(3)
  expect(calls).toHaveLength(1)
})
