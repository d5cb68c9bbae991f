import type { IncomingMessage } from 'node:http'
import ipaddr from 'ipaddr.js'
import { ipRange, isInRange } from '../platform/ip-ranges.ts'

/** Answers whether an address, IPv4 mapped into IPv6 too, is one of these or in one of these ranges; what is no address never is. */
export function among(addressesAndRanges: readonly string[]): (text: string) => boolean {
  const ranges = addressesAndRanges.map((text) => {
    const range = ipRange(text)
    if (range === undefined) throw new TypeError(`${text} is no address and no range`)
    return range
  })
  return (text) => {
    if (!ipaddr.isValid(text)) return false
    const address = ipaddr.process(text)
    return ranges.some((range) => isInRange(address, range))
  }
}

/**
 * Answers who a request is from: the nearest address, from the connection backwards through `X-Forwarded-For`, that is no proxy of
 * ours. What such a client wrote into the header itself is therefore never believed. Some proxies write a port behind an address,
 * another one for each connection: it does not count.
 */
export function clientAddress(
  trusted: readonly string[],
): (connection: string | undefined, forwardedFor: string | undefined) => string {
  const isProxy = among(trusted)
  return (connection = '', forwardedFor = '') => {
    const forwarded = forwardedFor.split(',').map((part) => withoutPort(part.trim()))
    const path = [...forwarded, connection].filter((part) => part !== '')
    return path.findLast((address, index) => index === 0 || !isProxy(address)) ?? ''
  }
}

/**
 * Who asks. `handedOn`: a proxy stands between that is none of ours, or one of ours that does not say for whom, so that `address` is the
 * proxy's, and the client's is not known.
 */
export type Client = Readonly<{ address: string; handedOn: boolean }>

/** What proxies say of whom they hand on. */
const HANDED_ON = ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']

/** Answers who a request is from. */
export function clientOf(trusted: readonly string[]): (request: IncomingMessage) => Client {
  const addressOf = clientAddress(trusted)
  const isProxy = among(trusted)
  return ({ socket, headers }) => {
    const connection = socket.remoteAddress ?? ''
    const given = headers['x-forwarded-for']
    const forwardedFor = Array.isArray(given) ? given.join(',') : given
    return {
      address: addressOf(connection, forwardedFor),
      handedOn:
        HANDED_ON.some((name) => headers[name] !== undefined) && !(isProxy(connection) && namesClient(forwardedFor)),
    }
  }
}

/** Whether `X-Forwarded-For` has any entry: it is the only one of these headers that is read. */
function namesClient(forwardedFor = ''): boolean {
  return /[^\s,]/.test(forwardedFor)
}

/** Answers whether a client is for certain one of these. */
export function certainlyAmong(addressesAndRanges: readonly string[]): (client: Client) => boolean {
  const isAmong = among(addressesAndRanges)
  return ({ address, handedOn }) => !handedOn && isAmong(address)
}

/** The address of `192.0.2.1:1234`, `[2001:db8::1]:443` or `[2001:db8::1]`; anything else as it is. */
function withoutPort(written: string): string {
  const [, bracketed = '', dotted = ''] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(written) ?? []
  if (ipaddr.IPv6.isValid(bracketed)) return bracketed
  return ipaddr.IPv4.isValidFourPartDecimal(dotted) ? dotted : written
}
