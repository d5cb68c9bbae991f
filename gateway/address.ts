import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/**
 * Answers who a request is from: the nearest address, from the connection backwards through `X-Forwarded-For`, that is no proxy of
 * ours. What such a client wrote into the header itself is therefore never believed. Some proxies write a port behind an address,
 * another one for each connection: it does not count.
 */
export function clientAddress(
  trusted: readonly string[],
): (connection: string | undefined, forwardedFor: string | undefined) => string {
  const ranges = trusted.map((text): [Address, number] => {
    if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
    const address = ipaddr.parse(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  })
  const isProxy = (text: string): boolean => {
    if (!ipaddr.isValid(text)) return false
    const address = ipaddr.process(text)
    return ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
  }

  return (connection = '', forwardedFor = '') => {
    const forwarded = forwardedFor.split(',').map((part) => withoutPort(part.trim()))
    const path = [...forwarded, connection].filter((part) => part !== '')
    return path.findLast((address, index) => index === 0 || !isProxy(address)) ?? ''
  }
}

/** The address of `192.0.2.1:1234`, `[2001:db8::1]:443` or `[2001:db8::1]`; anything else as it is. */
function withoutPort(written: string): string {
  const [, bracketed = '', dotted = ''] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(written) ?? []
  if (ipaddr.IPv6.isValid(bracketed)) return bracketed
  return ipaddr.IPv4.isValidFourPartDecimal(dotted) ? dotted : written
}
