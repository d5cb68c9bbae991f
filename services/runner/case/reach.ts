/** Connecting to what users name: addresses that are denied are never connected to, and failures are told in words. */
import { lookup as resolve } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { TargetDeny } from './deny.ts'
import { CaseFault } from './fault.ts'

export function denied(address: string): CaseFault {
  return new CaseFault(`目标地址${address}被禁止访问(TARGET_DENY)`)
}

/** Looks up a name and leaves out what is denied: the very addresses that are connected to are those that were checked. */
export function guardedLookup(targetDeny: TargetDeny): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '')
      const allowed = found.filter(({ address }) => !targetDeny.denies(address))
      const [first] = allowed
      if (first === undefined) return callback(denied(`${hostname}(${found.map((f) => f.address).join(', ')})`), '')
      if (options.all === true) return callback(null, allowed)
      callback(null, first.address, first.family)
    })
  }
}

/** Failures to connect that users meet, by the code of Node or the system. */
export function connectFailureWords(code: string): string | undefined {
  if (code === 'ECONNREFUSED') return '连接被拒绝'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return '域名解析失败'
  return code === 'ECONNRESET' || code === 'EPIPE' ? '连接被对方关闭' : undefined
}
