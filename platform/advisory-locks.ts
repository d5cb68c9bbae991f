/**
 * The numbers of our advisory locks, all in one place so that no two are the same. A number is never given to another lock: processes
 * of an older version may hold it meanwhile.
 */
export const ADVISORY_LOCKS = {
  /** Of all processes that start on a database one migrates, the others wait. */
  migrations: 7_001,
  /** Appends enter the log one after the other. `event-store/postgres/schema.sql` takes it by its number. */
  appends: 7_002,
  /** `create sequence if not exists` fails for one of two that run at the same time. */
  sequences: 7_003,
  /** Two processes that start at once must not make the same tables. Appends never wait for the making of tables. */
  generations: 7_004,
  /** Held on a session of its own for as long as a process of the platform runs: the server frees it at the moment the process dies. */
  platform: 7_010,
  /** Held by the relay that publishes; the others stand by. */
  relay: 7_011,
  /** Of processes that start at once on an empty log one makes the first admin. */
  firstAdmin: 7_012,
  /** Of the locks with two numbers the first: the second is a command's. */
  triggerCommands: 7_020,
} as const
