import { describe, expect, test } from '@jest/globals'
import { dayStart, epochMicros, isDay, isoMicros } from './time.ts'

test('a time tells its microseconds, which a date would drop', () => {
  expect(epochMicros('1970-01-01T08:00:01.000002+08:00')).toBe(1_000_002)
  expect(epochMicros('2026-11-21T18:00:00.606147+08:00') - epochMicros('2026-11-21T10:00:00.606146+00:00')).toBe(1)
  expect(epochMicros(isoMicros(1_700_000_000_123_456, 'Asia/Shanghai'))).toBe(1_700_000_000_123_456)
})

describe('the start of a day', () => {
  test.each([
    ['2026-11-21', 'Asia/Shanghai', '2026-11-20T16:00:00.000Z'],
    ['2026-11-21', 'UTC', '2026-11-21T00:00:00.000Z'],
    ['2026-11-21', 'America/New_York', '2026-11-21T05:00:00.000Z'],
    ['2026-11-21', 'Pacific/Kiritimati', '2026-11-20T10:00:00.000Z'],
    ['2026-11-21', '+05:30', '2026-11-20T18:30:00.000Z'],
    // The clock is changed later in the day.
    ['2026-03-08', 'America/New_York', '2026-03-08T05:00:00.000Z'],
    ['2026-11-01', 'America/New_York', '2026-11-01T04:00:00.000Z'],
    ['2026-11-02', 'America/New_York', '2026-11-02T05:00:00.000Z'],
    // There is no midnight: the day begins at one.
    ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z'],
    // At midnight the clock is set back into the day before.
    ['2018-02-18', 'America/Sao_Paulo', '2018-02-18T03:00:00.000Z'],
    // At one it is set back to midnight, which is there twice.
    ['2026-11-01', 'America/Havana', '2026-11-01T04:00:00.000Z'],
  ])('%s in %s', (day, zone, wanted) => {
    expect(new Date(dayStart(day, zone)).toISOString()).toBe(wanted)
  })
})

test('a day is one of the calendar', () => {
  expect(['2026-11-21', '2024-02-29', '0001-01-01', '9999-12-31'].filter(isDay)).toHaveLength(4)
  const others = ['2026-02-29', '2026-02-30', '2026-13-01', '2026-00-10', '2026-11-00', '2026-11-32', '2026-1-1']
  expect([...others, '20261121', '2026-11-21T00:00:00Z', ' 2026-11-21', '+002026-11-21', ''].filter(isDay)).toEqual([])
})
