/**
 * The code of an error that Node's own modules throw (`ENOENT`), or undefined. It does not ask for `instanceof Error`:
 * under jest every test file has an `Error` of its own, which is not that of Node's modules.
 */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
