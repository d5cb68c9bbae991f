import { Rejected } from '../../contracts/core.ts'
import type { User } from './route.ts'

/** An admin's machine manages users, but not its owner's account: neither itself nor its siblings. Throws `Rejected` where it would. */
export function expectNoOwnMachine({ via, id }: User, managed: number): void {
  if (via === 'token' && managed === id) throw new Rejected('forbidden', 'API 令牌不能管理其所有者的账号')
}
