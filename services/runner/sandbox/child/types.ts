/** The shapes that the walled process works with. It is JavaScript: in each new process Node takes longer to strip types than to read it. */
import type { loadPyodide as LoadPyodide } from 'pyodide'

export type Pyodide = Awaited<ReturnType<typeof LoadPyodide>>

export interface Interpreter {
  py: Pyodide
  /** From now on only the allowed host functions do anything. */
  lock(): void
  /** Whether memory was ever refused. */
  memoryRefused(): boolean
  /** The WebAssembly module that Python is. */
  module: object
}

export interface InterpreterOptions {
  /** The folder of the package, its real path: by its name it could be found through links that may not be read here. */
  pyodide: string
  memoryLimitBytes: number
  /** A snapshot to start from, or the wish to make one. */
  snapshot: Uint8Array | 'make'
  /** The module's code as `exportCode` gave it; it is passed over where it does not fit. */
  code?: Uint8Array
  /** Called when C ends the process. It must not return. */
  ended: () => never
}

export type HostFunction = ((...args: unknown[]) => unknown) & { sig?: string; isAsync?: boolean; stub?: boolean }

/** As much of the WebAssembly namespace as the walls touch; TypeScript declares it with the browser's library alone. */
export interface Memory {
  readonly buffer: ArrayBuffer
}
export type Imports = Record<string, Record<string, unknown>>
/** What bytes come to when they are instantiated. */
export interface Instantiated {
  module: object
  instance: object
}
export interface WasmNamespace {
  instantiate: (source: unknown, imports?: Imports) => Promise<unknown>
  Instance: new (module: object, imports: Imports) => object
  Memory: { prototype: { grow(this: Memory, pages: number): number } }
}

interface DiskNode {
  contents?: Uint8Array
}
/** As much of emscripten's disk in memory as its cap touches. */
export interface MemoryDisk {
  expandFileStorage(node: DiskNode, capacity: number): void
  resizeFileStorage(node: DiskNode, size: number): void
}
export interface CappedDisk {
  filesystems: { MEMFS: MemoryDisk }
  ErrnoError: new (errno: number) => Error
}

/** As much of emscripten's file system as devices need. */
export interface DeviceFs {
  makedev(major: number, minor: number): number
  mkdev(path: string, mode: number, device: number): void
  registerDevice(device: number, operations: object): void
  readdir(path: string): string[]
  unlink(path: string): void
}
