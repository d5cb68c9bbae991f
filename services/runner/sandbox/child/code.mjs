/**
 * Machine code of a WebAssembly module that lasts longer than its process. V8 compiles what runs often anew in every process, for
 * Python half a second of work; it can write such code down and read it again, as browsers do, and Node says no word of it. V8 names
 * both for its own tests: what is not there under these names, or does not fit this V8, its flags and this CPU, is compiled as ever.
 */
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'

/**
 * The code that V8 has optimised so far; undefined when there is none.
 * @param {object} module
 * @returns {Uint8Array | undefined}
 */
export function exportCode(module) {
  const code = native('(module) => %SerializeWasmModule(module)', module)
  return code instanceof ArrayBuffer ? new Uint8Array(code) : undefined
}

/**
 * The module of these bytes with the code that was exported of it; undefined when the code does not fit.
 * @param {Uint8Array} code
 * @param {Uint8Array} bytes
 * @returns {object | undefined}
 */
export function importCode(code, bytes) {
  // A buffer of its own, and no more than the code: V8 takes all of it.
  const module = native('(code, bytes) => %DeserializeWasmModule(code, bytes)', new Uint8Array(code).buffer, bytes)
  return typeof module === 'object' && module !== null ? module : undefined
}

/**
 * Calls a function whose source may name V8's own: that is allowed while it is read, and never while a script runs.
 * @param {string} source
 * @param {readonly unknown[]} args
 * @returns {unknown}
 */
function native(source, ...args) {
  setFlagsFromString('--allow-natives-syntax')
  try {
    return runInThisContext(source)(...args)
  } catch {
    return undefined
  } finally {
    setFlagsFromString('--no-allow-natives-syntax')
  }
}
