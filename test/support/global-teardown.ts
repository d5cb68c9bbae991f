/** Stops the servers that the run's tests have asked for (`global-setup.ts`). */
export default async function globalTeardown(): Promise<void> {
  await globalThis.stopSharedServers?.()
}
