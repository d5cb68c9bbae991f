/** Stops the run's Postgres server (`global-setup.ts`), if a test has asked for one. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.stopSharedPostgres?.()
}
