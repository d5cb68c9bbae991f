import type { LongText } from './blob.ts'
import type { Event, StreamId } from './core.ts'
import type { JsonText } from './json.ts'

/** Where the work on a bug stands. seed 000 八 prints the first. */
export const BUG_STATUSES = ['未处理', '处理中', '处理完', '无效bug'] as const
export type BugStatus = (typeof BUG_STATUSES)[number]

/** A defect of an interface (seed 000 八). `user` is who found it, `info` is kept letter for letter. */
export type BugFields = Readonly<{ desc: string; info: LongText<JsonText>; status: BugStatus; user: string }>

/** Where a bug is: its interface, with the URL that it had at that time, and the interface's project. */
export type BugPlace = Readonly<{ interface: number; interface_url: string; project: number }>

/** `by` is the name of the user who did it. */
export type BugEvent =
  | Event<'BugReported', BugFields & BugPlace & { id: number; by: string }>
  | Event<'BugChanged', Partial<BugFields & Pick<BugPlace, 'interface' | 'interface_url'>> & { by: string }>
  | Event<'BugDeleted', { by: string }>

export const bugStream = (id: number): StreamId => `bug-${id}`

/** One step of the work on a bug, as it is told (seed 000 八.3): what was done, by whom, and when. */
export type Handling = Readonly<{ handle: string; update_user: string; create_time: string }>

/** What a bug's event is told as: `提交bug,bug状态是未处理`. `status` is the bug's after it. */
export function handleOf(type: 'BugReported' | 'BugChanged', status: BugStatus): string {
  return `${type === 'BugReported' ? '提交' : '更新'}bug,bug状态是${status}`
}
