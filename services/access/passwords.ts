import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Rejected } from '../../contracts/core.ts'
import { Slots } from '../runner/slots.ts'

const scryptNow = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/** Derivations at once. They work in Node's pool of threads, where reading files and looking up names wait their turn as well. */
const PLACES = 2
/** Derivations under way or waiting for a place: some seconds' worth. */
const MOST = 100

const places = new Slots(PLACES)
const never = new AbortController().signal
let asked = 0

/** Throws `Rejected('busy')` when more are asked for than can be made within seconds. */
async function derive(password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> {
  if (asked >= MOST) throw new Rejected('busy', '正在校验的密码过多，请稍后重试')
  asked++
  await places.take(never)
  try {
    return await scryptNow(password, salt, length, options)
  } finally {
    places.give()
    asked--
  }
}

/** 32 MiB and some 60 ms for one guess. */
const COST = { N: 32_768, r: 8, p: 1 } as const
const LENGTH = 32

/** Of no password: what an unknown name is checked against, so that it takes as long as a wrong password. */
const NOBODY = `scrypt$${COST.N}$${COST.r}$${COST.p}$${'0'.repeat(32)}$${'0'.repeat(LENGTH * 2)}`

/** `scrypt$N$r$p$salt$hash`, salt and hash in hexadecimal. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, LENGTH, { ...COST, maxmem: 128 * COST.N * COST.r * 2 })
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('hex')}$${hash.toString('hex')}`
}

/** Whether `password` is the one behind `stored`; without `stored` false, after the same work. */
export async function checkPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, n, r, p, salt, hash] = (stored ?? NOBODY).split('$')
  const cost = { N: Number(n), r: Number(r), p: Number(p) }
  const expected = Buffer.from(hash ?? '', 'hex')
  const found = await derive(password, Buffer.from(salt ?? '', 'hex'), expected.length, {
    ...cost,
    maxmem: 128 * cost.N * cost.r * 2,
  })
  return timingSafeEqual(found, expected) && stored !== undefined
}
