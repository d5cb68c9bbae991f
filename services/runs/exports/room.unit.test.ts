import { describe, expect, test } from '@jest/globals'
import { caseWith, flowWith, reportWith } from './report.fixture.ts'
import { excerpt, excerptLines, roomIn, roomOf } from './room.ts'

describe('a text', () => {
  test('stays as it is up to the limit', () => {
    expect(excerpt('abcd', 4)).toBe('abcd')
  })

  test('beyond it keeps its beginning and its end, and says how much is left out', () => {
    expect(excerpt('abcdefghij', 4)).toBe('ab\n…（中间省略 6 个字符）…\nij')
  })

  test('is never cut within a character', () => {
    const cut = excerpt('😀'.repeat(10), 6)
    expect(cut.isWellFormed()).toBe(true)
    expect(cut).toBe('😀\n…（中间省略 16 个字符）…\n😀')
  })
})

describe('a log', () => {
  const lines = (...texts: string[]) => texts.map((text): [string, string] => ['INFO', text])
  const texts = (log: readonly (readonly [string, string])[]): readonly string[] => log.map(([, text]) => text)

  test('loses the blanks at the ends of its lines and nothing else where there is room', () => {
    expect(texts(excerptLines(lines('a\n', ' b  \n\n', ''), 100))).toEqual(['a', ' b', ''])
  })

  test('loses its middle where there is not', () => {
    const many = lines(...Array.from({ length: 1000 }, (_, nth) => `line ${nth}`))
    const kept = texts(excerptLines(many, 400))
    expect([kept[0], kept.at(-1)]).toEqual(['line 0', 'line 999'])
    const left = 1000 - (kept.length - 1)
    expect(kept).toContain(`…（中间省略 ${left} 行）…`)
    expect(kept.join('\n').length).toBeLessThanOrEqual(450)
  })

  test('of one line that is too long by itself keeps what it begins and ends with', () => {
    const kept = texts(excerptLines(lines('first', `Traceback${'x'.repeat(10_000)}KeyError`, 'verdict'), 1000)).join(
      '\n',
    )
    expect(kept).toMatch(/^first\nTraceback[^]*…（中间省略 \d+ 个字符）…[^]*KeyError\nverdict$/)
    expect(kept.length).toBeLessThan(1000)
  })
})

describe('the room of an export', () => {
  const long = caseWith({ response_body: 'x'.repeat(60_000) })
  const wrong = { ...long, state: '失败' as const }
  const room = (passed: number, failed: number) => {
    const cases = [...Array.from({ length: passed }, () => long), ...Array.from({ length: failed }, () => wrong)]
    const found = roomIn(reportWith([flowWith('a', cases)]))
    return [roomOf(found, wrong), roomOf(found, long)]
  }

  test('is enough for what reports show of bodies, in all but the longest', () => {
    const [failed = 0, passed = 0] = room(50, 50)
    expect([failed >= 65_536, passed >= 65_536]).toEqual([true, true])
  })

  test('goes to what went wrong first', () => {
    const [failed = 0, passed = 0] = room(1000, 100)
    expect(failed).toBeGreaterThan(65_536)
    expect(passed).toBeLessThan(5000)
  })

  test('is shared by what went wrong too, when that is much', () => {
    const [failed = 0, passed = 0] = room(0, 2000)
    expect(failed).toBeLessThan(5000)
    expect(passed).toBeGreaterThan(0)
  })
})
