import ipaddr from 'ipaddr.js'

export type IpAddress = ipaddr.IPv4 | ipaddr.IPv6

/** The addresses whose first bits are those of `network`. */
export type IpRange = Readonly<{ network: IpAddress; bits: number }>

/** An address or a range, as in configuration; undefined for what is neither. */
export function ipRange(text: string): IpRange | undefined {
  if (ipaddr.isValidCIDR(text)) {
    const [network, bits] = ipaddr.parseCIDR(text)
    return unmapped(network, bits)
  }
  if (!ipaddr.isValid(text)) return undefined
  const address = ipaddr.parse(text)
  return unmapped(address, address.kind() === 'ipv4' ? 32 : 128)
}

/** Where IPv4 and IPv6 share a socket, logs show IPv4 addresses mapped into IPv6: who copies one from there means the IPv4 address. */
function unmapped(network: IpAddress, bits: number): IpRange {
  const isMapped = network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && bits >= 96
  return isMapped ? { network: network.toIPv4Address(), bits: bits - 96 } : { network, bits }
}

/** Whether the address is in the range; one that is mapped must have been unmapped before. */
export function isInRange(address: IpAddress, { network, bits }: IpRange): boolean {
  return address.kind() === network.kind() && address.match(network, bits)
}
