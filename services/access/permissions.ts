import { ROLES, type Role } from '../../contracts/user.ts'

/** What one may be allowed to do. Every route and every GraphQL field names one of these, or is public. */
export type Permission =
  /** Projects, environments, interfaces, cases, runs and reports: seeing them (secrets masked for viewers). */
  | 'content.read'
  /** … creating, changing, deleting them. */
  | 'content.write'
  /** Starting runs. */
  | 'runs.start'
  /** Reading what is encrypted in an environment. */
  | 'secrets.read'
  /** Other users. */
  | 'users.manage'
  /** Seeing who one is. */
  | 'self'
  /** One's own account: its password, its logins, its API tokens. No machine may do that for its owner. */
  | 'account.manage'

/**
 * Who calls: a user who has logged in, or a machine with an API token of that user's, whose role is the lesser of the token's and its
 * owner's present one.
 */
export type Caller = Readonly<{ id: number; username: string; role: Role; via: 'login' | 'token' }>

const ALLOWED: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  admin: new Set([
    'content.read',
    'content.write',
    'runs.start',
    'secrets.read',
    'users.manage',
    'self',
    'account.manage',
  ]),
  tester: new Set(['content.read', 'content.write', 'runs.start', 'secrets.read', 'self', 'account.manage']),
  viewer: new Set(['content.read', 'self', 'account.manage']),
}

/** What no API token may do, whatever its role. */
const BY_LOGIN_ALONE: ReadonlySet<Permission> = new Set(['account.manage'])

/** The one place that decides who may do what. */
export function permits({ role, via }: Pick<Caller, 'role' | 'via'>, permission: Permission): boolean {
  return ALLOWED[role].has(permission) && (via === 'login' || !BY_LOGIN_ALONE.has(permission))
}

/** Of two roles the one that may do less: the roles stand in the order of what they may. */
export function lesserRole(one: Role, other: Role): Role {
  return ROLES.indexOf(one) > ROLES.indexOf(other) ? one : other
}
