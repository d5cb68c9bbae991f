import type { Role } from '../../contracts/user.ts'

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
  /** One's own account. */
  | 'self'

const ALLOWED: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  admin: new Set(['content.read', 'content.write', 'runs.start', 'secrets.read', 'users.manage', 'self']),
  tester: new Set(['content.read', 'content.write', 'runs.start', 'secrets.read', 'self']),
  viewer: new Set(['content.read', 'self']),
}

/** The one place that decides who may do what. */
export function permits(role: Role, permission: Permission): boolean {
  return ALLOWED[role].has(permission)
}
