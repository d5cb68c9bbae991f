import { createSerial } from '../../platform/serial.ts'
import { networkOf, type Tries } from './tries.ts'

/** Wrong passwords in a minute after which no more are looked at, right ones included. */
const MOST_FOR_NAME = 5
const MOST_FROM_ADDRESS = 30

/** Keeps passwords from being found by trying. */
export type Guesses = Readonly<{
  /**
   * Does `check`, and counts it against name and address when it answers nothing. Throws `RateLimited` while there are too many of
   * either: without a check, so that nobody can tell a right password by it.
   *
   * In a process the checks of one name go one after the other, as do those from one address: guesses that come at once do not get
   * through before they are counted, while right passwords that come at once wait for each other and are not refused.
   */
  counted<T>(who: { username: string; address: string }, check: () => Promise<T | undefined>): Promise<T | undefined>
}>

const words = (seconds: number): string => `用户名或密码错误次数过多，请 ${seconds} 秒后重试`

export function createGuesses({ tries, mac }: { tries: Tries; mac: (text: string) => string }): Guesses {
  const serial = createSerial()

  return {
    counted(who, check) {
      const name = { subject: mac(`name ${who.username.toLowerCase()}`), most: MOST_FOR_NAME }
      const address = { subject: mac(`address ${networkOf(who.address)}`), most: MOST_FROM_ADDRESS }
      const limits = [name, address]
      // Always in this order: two that waited for each other's turns would wait for ever.
      return serial(address.subject, () =>
        serial(name.subject, async () => {
          await tries.expectFew(limits, words)
          const found = await check()
          if (found === undefined) await tries.count(limits)
          return found
        }),
      )
    },
  }
}
