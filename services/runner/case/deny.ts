import ipaddr from 'ipaddr.js'
import { type IpAddress, type IpRange, ipRange, isInRange } from '../../../platform/ip-ranges.ts'

/** Cloud metadata services and link-local addresses: what a test case must never be able to ask. */
export const DEFAULT_TARGET_DENY = '169.254.169.254/32,fd00:ec2::254/128,169.254.0.0/16,fe80::/10'

export interface TargetDeny {
  /** Whether this IP address (as text, zone and brackets allowed) must not be connected to. Text that is no address is not denied. */
  denies(address: string): boolean
}

/** Reads `TARGET_DENY`: addresses and CIDR ranges, separated by commas; empty denies nothing. Throws for anything else. */
export function parseTargetDeny(text: string): TargetDeny {
  const ranges = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseRange)
  return {
    denies(address) {
      const parsed = parseAddress(address)
      return parsed !== undefined && reachableAs(parsed).some((form) => ranges.some((range) => isInRange(form, range)))
    },
  }
}

function parseRange(text: string): IpRange {
  const range = ipRange(text)
  if (range === undefined) throw new Error(`TARGET_DENY: ${JSON.stringify(text)} is no address and no CIDR range`)
  return range
}

function parseAddress(text: string): IpAddress | undefined {
  const bare = text.replace(/^\[|\]$/g, '')
  return ipaddr.isValid(bare) ? ipaddr.parse(bare) : undefined
}

/**
 * The addresses that connecting to this one may reach: itself, the IPv4 address that an IPv6 form carries (mapped, compatible,
 * NAT64, 6to4), and loopback for the unspecified address, which Linux connects to itself.
 */
function reachableAs(address: IpAddress): readonly IpAddress[] {
  const bytes = address.toByteArray()
  if (bytes.every((byte) => byte === 0)) return [address, ipaddr.parse('127.0.0.1'), ipaddr.parse('::1')]
  const carried = address.kind() === 'ipv6' ? carriedIPv4(bytes) : undefined
  return carried === undefined ? [address] : [address, ipaddr.fromByteArray(carried)]
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const COMPATIBLE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
const SIX_TO_FOUR = [0x20, 0x02]

function carriedIPv4(bytes: readonly number[]): number[] | undefined {
  const begins = (prefix: readonly number[]) => prefix.every((byte, index) => bytes[index] === byte)
  if ([MAPPED, COMPATIBLE, NAT64].some(begins)) return bytes.slice(12)
  return begins(SIX_TO_FOUR) ? bytes.slice(2, 6) : undefined
}
