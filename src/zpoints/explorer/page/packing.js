// Answers and the exported file's data: arrays with a heading, in the layout of safetensors.

const KINDS = { F32: Float32Array, I32: Int32Array, U8: Uint8Array };

export function unpacked(buffer) {
  const view = new DataView(buffer);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const { __metadata__: notes, ...entries } = header;
  const arrays = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(entries)) {
    const bytes = buffer.slice(8 + length + from, 8 + length + to);
    arrays[name] = dtype === "F16" ? fromHalf(new Uint16Array(bytes)) : new KINDS[dtype](bytes);
    arrays[name].shape = shape;
  }
  return { heading: JSON.parse(notes.json), arrays };
}

// Numbers of 16 bits, as the exported file holds vectors and weights.
export function fromHalf(halves) {
  const table = (fromHalf.table ??= halfTable());
  const values = new Float32Array(halves.length);
  for (let k = 0; k < halves.length; k++) values[k] = table[halves[k]];
  return values;
}

function halfTable() {
  const table = new Float32Array(1 << 16);
  for (let code = 0; code < table.length; code++) {
    const sign = code & 0x8000 ? -1 : 1, exponent = (code >> 10) & 31, fraction = code & 1023;
    table[code] = exponent === 31 ? (fraction ? NaN : sign * Infinity)
      : exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -24 * fraction;
  }
  return table;
}

export function toBase64Url(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(plain.length);
  for (let k = 0; k < plain.length; k++) bytes[k] = plain.charCodeAt(k);
  return bytes;
}
