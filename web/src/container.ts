// Reads the container that gradtrace/renderers/page/columns.py writes; its docstring describes the layout.

export type Integers = Int32Array | Float64Array;
export type Reference = [kind: string, ...rest: unknown[]];

/** Numbers of which some are absent (`has` false), others truly NaN. */
export interface Floats {
  values: Float32Array | Float64Array;
  has(i: number): boolean;
}

export interface Container<Header> {
  header: Header;
  integers(reference: Reference): Integers;
  floats(reference: Reference): Floats;
}

export async function unpack<Header>(base64: string): Promise<Container<Header>> {
  const bytes = await decompressed(decoded(base64));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Header;
  const columns = bytes.subarray(4 + length);
  const known = new Map<string, Integers>();
  return {
    header,
    integers(reference) {
      // Passes share columns, so each is decoded once.
      const key = reference.join();
      let found = known.get(key);
      if (!found) known.set(key, (found = integers(columns, reference)));
      return found;
    },
    floats: (reference) => floats(columns, reference),
  };
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function decompressed(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Puts the byte planes together again. */
function woven(columns: Uint8Array, offset: number, count: number, size: number): ArrayBuffer {
  const bytes = new Uint8Array(count * size);
  for (let plane = 0; plane < size; plane++) {
    let from = offset + plane * count;
    for (let to = plane; to < bytes.length; to += size) bytes[to] = columns[from++];
  }
  return bytes.buffer;
}

function integers(columns: Uint8Array, [kind, a, b]: Reference): Integers {
  if (kind === "c") return new Int32Array(b as number).fill(a as number);
  if (kind === "d") return new Float64Array(woven(columns, a as number, b as number, 8));
  const values = new Int32Array(woven(columns, a as number, b as number, 4));
  for (let i = 1; i < values.length; i++) values[i] += values[i - 1];
  return values;
}

function floats(columns: Uint8Array, reference: Reference): Floats {
  const [, offset, count, positions, exceptions] = reference as [string, number, number, number[], (number | string)[]];
  let values: Float32Array | Float64Array = new Float32Array(woven(columns, offset, count, 4));
  const nans = new Set<number>();
  if (positions.length) {
    values = Float64Array.from(values);
    positions.forEach((position, i) => {
      if (exceptions[i] === "nan") nans.add(position);
      else values[position] = exceptions[i] as number;
    });
  }
  const numbers = values;
  return { values, has: (i) => !Number.isNaN(numbers[i]) || nans.has(i) };
}
