/** What the walled process and its parent agree on. */

/** Commands in, replies out. */
export const CHANNEL_FD = 3
/** The memory snapshot, opened by the parent: the child needs no right to its folder. */
export const SNAPSHOT_FD = 4
/** The interpreter ended in a way that no script should reach. */
export const EXIT_CRASHED = 70
/** The same, after memory had been refused. */
export const EXIT_OUT_OF_MEMORY = 71
/** The longest reply that a host takes. The Python side refuses to send more than 8 MiB. */
export const REPLY_BYTES = 8 * 1024 * 1024 + 1024
/** The longest question that a host takes while a script runs. The Python side refuses to ask a longer one. */
export const QUESTION_BYTES = 1024 * 1024
/** The SHA-256 behind the snapshot in its file. */
export const SNAPSHOT_DIGEST_BYTES = 32
