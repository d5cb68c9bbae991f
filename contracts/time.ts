/** Times as texts. Inside events they are ISO 8601 with microseconds and the offset of the platform's time zone. */

const offsets = new Map<string, Intl.DateTimeFormat>()

/** Minutes east of UTC in `zone` at the instant `epochMs`. */
function offsetMinutes(epochMs: number, zone: string): number {
  let format = offsets.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
    offsets.set(zone, format)
  }
  const name = format.formatToParts(epochMs).find((part) => part.type === 'timeZoneName')?.value ?? ''
  const match = /GMT([+-])(\d\d):(\d\d)/.exec(name)
  if (!match) return 0
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return match[1] === '-' ? -minutes : minutes
}

/** Offsets change on whole quarters of an hour: one look-up serves all instants of a quarter. */
let cached = { zone: '', quarter: -1, minutes: 0 }

function cachedOffset(epochMs: number, zone: string): number {
  const quarter = Math.floor(epochMs / 900_000)
  if (cached.zone !== zone || cached.quarter !== quarter) {
    cached = { zone, quarter, minutes: offsetMinutes(epochMs, zone) }
  }
  return cached.minutes
}

const two = (n: number): string => String(n).padStart(2, '0')

/** `2022-07-12T21:59:57.606147+08:00`. `epochMicros` is microseconds since 1970. */
export function isoMicros(epochMicros: number, zone: string): string {
  const epochMs = Math.floor(epochMicros / 1000)
  const minutes = cachedOffset(epochMs, zone)
  const local = new Date(epochMs + minutes * 60_000).toISOString().slice(0, 23)
  const micros = String(Math.floor(epochMicros) - epochMs * 1000).padStart(3, '0')
  const sign = minutes < 0 ? '-' : '+'
  const east = Math.abs(minutes)
  return `${local}${micros}${sign}${two(Math.floor(east / 60))}:${two(east % 60)}`
}

/** The time now as the platform writes it. */
export type Clock = () => string

/** A clock with microseconds that never runs backwards within the process: the wall clock's milliseconds, a finer clock below them. */
export function systemClock(zone: string): Clock {
  let last = 0
  return () => {
    const now = Date.now() * 1000 + (Math.floor(performance.now() * 1000) % 1000)
    last = Math.max(last, now)
    return isoMicros(last, zone)
  }
}

/** Microseconds since 1970 of a time as the platform writes it. */
export function epochMicros(time: string): number {
  const [, milliseconds = time, micros = '0', offset = ''] = /^(.{23})(\d{3})(.*)$/.exec(time) ?? []
  return Date.parse(milliseconds + offset) * 1000 + Number(micros)
}

/** Whether a text is a day of the calendar, as `2022-07-12`. */
export function isDay(text: string): boolean {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  // The thirtieth of February is taken for the second of March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** The first millisecond since 1970 of a day in `zone`. */
export function dayStart(day: string, zone: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // A clock that is changed at midnight has two offsets there: the earlier one shows that day unless it is set back into the last.
  const near = midnight - offsetMinutes(midnight, zone) * 60_000
  const before = midnight - offsetMinutes(near - 2 * 3_600_000, zone) * 60_000
  const shown = before + offsetMinutes(before, zone) * 60_000
  return shown >= midnight ? before : midnight - offsetMinutes(near + 2 * 3_600_000, zone) * 60_000
}
