import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

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
