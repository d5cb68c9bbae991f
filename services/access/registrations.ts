import { createSerial } from '../../platform/serial.ts'
import { networkOf, type Tries } from './tries.ts'

/** Registrations from one address in a minute. */
const MOST_FROM_ADDRESS = 10

/** Keeps strangers from filling the team, from finding out who is in it, and from hashing all day long. */
export type Registrations = Readonly<{
  /**
   * Does `work`, and counts it against the address whatever becomes of it: before it, so that none gets through uncounted. Throws
   * `RateLimited` without doing it when there have been too many. From one address it goes one after the other, for hashing takes
   * places that logins wait for.
   */
  counted<T>(address: string, work: () => Promise<T>): Promise<T>
}>

const words = (seconds: number): string => `注册次数过多，请 ${seconds} 秒后重试`

export function createRegistrations({ tries, mac }: { tries: Tries; mac: (text: string) => string }): Registrations {
  const serial = createSerial()

  return {
    counted(address, work) {
      const limit = { subject: mac(`registrations ${networkOf(address)}`), most: MOST_FROM_ADDRESS }
      return serial(limit.subject, async () => {
        await tries.expectFew([limit], words)
        await tries.count([limit])
        return work()
      })
    },
  }
}
