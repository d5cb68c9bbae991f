/** A text that was too long for an event (over 16 KiB of UTF-8): it stands in the blobs under its SHA-256. `bytes` is its length. */
export type BlobRef = Readonly<{ $blob: string; bytes: number }>

/** A text field of an event: as it is, or by reference when it is long. */
export type LongText<T extends string = string> = T | BlobRef
