// An animated GIF of frames, each an ImageData of the same size: 256 colours for all, chosen by median cut.

export function gif(frames, milliseconds = 80) {
  const { width, height } = frames[0], palette = medianCut(frames), nearest = lookup(palette);
  const bytes = [...text("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0];
  for (let k = 0; k < 256; k++) bytes.push(...(palette[k] ?? [0, 0, 0]));
  bytes.push(0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0);
  for (const frame of frames) {
    bytes.push(0x21, 0xf9, 4, 4, ...word(Math.round(milliseconds / 10)), 0, 0);
    bytes.push(0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 8);
    const packed = compressed(indices(frame.data, nearest));
    for (let k = 0; k < packed.length; k += 255) {
      const block = packed.slice(k, k + 255);
      bytes.push(block.length, ...block);
    }
    bytes.push(0);
  }
  bytes.push(0x3b);
  return new Uint8Array(bytes);
}

const text = (letters) => [...letters].map((letter) => letter.charCodeAt(0));
const word = (number) => [number & 255, number >> 8];

// Colours by their five leading bits, counted over all frames.
function medianCut(frames) {
  const counts = new Map();
  for (const { data } of frames) {
    for (let k = 0; k < data.length; k += 4) {
      const key = ((data[k] >> 3) << 10) | ((data[k + 1] >> 3) << 5) | (data[k + 2] >> 3);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const colours = [...counts].map(([key, count]) => ({ at: [key >> 10, (key >> 5) & 31, key & 31], count }));
  let boxes = [colours];
  while (boxes.length < 256) {
    let widest = -1, most = 0, along = 0;
    boxes.forEach((box, number) => {
      if (box.length < 2) return;
      for (let axis = 0; axis < 3; axis++) {
        const values = box.map((colour) => colour.at[axis]);
        const spread = (Math.max(...values) - Math.min(...values)) * Math.sqrt(box.reduce((sum, c) => sum + c.count, 0));
        if (spread > most) [widest, most, along] = [number, spread, axis];
      }
    });
    if (widest < 0) break;
    const box = boxes[widest].sort((a, b) => a.at[along] - b.at[along]);
    const half = box.reduce((sum, colour) => sum + colour.count, 0) / 2;
    let cut = 1;
    for (let sum = box[0].count; cut < box.length - 1 && sum < half; cut++) sum += box[cut].count;
    boxes = [...boxes.slice(0, widest), box.slice(0, cut), box.slice(cut), ...boxes.slice(widest + 1)];
  }
  return boxes.map((box) => {
    const total = box.reduce((sum, colour) => sum + colour.count, 0);
    return [0, 1, 2].map((axis) => Math.round(box.reduce((sum, c) => sum + c.count * (c.at[axis] * 8 + 4), 0) / total));
  });
}

function lookup(palette) {
  const known = new Map();
  return (r, g, b) => {
    const key = ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);
    if (!known.has(key)) {
      let best = 0, least = Infinity;
      palette.forEach(([x, y, z], number) => {
        const square = (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
        if (square < least) [best, least] = [number, square];
      });
      known.set(key, best);
    }
    return known.get(key);
  };
}

function indices(data, nearest) {
  const found = new Uint8Array(data.length / 4);
  for (let k = 0; k < found.length; k++) found[k] = nearest(data[4 * k], data[4 * k + 1], data[4 * k + 2]);
  return found;
}

// LZW with codes of 9 to 12 bits.
function compressed(values) {
  const clear = 256, end = 257, bytes = [];
  let table = new Map(), size = 9, bits = 0, waiting = 0, next = 258;
  const write = (code) => {
    bits |= code << waiting;
    for (waiting += size; waiting >= 8; waiting -= 8, bits >>>= 8) bytes.push(bits & 255);
  };
  write(clear);
  let before = values[0];
  for (let k = 1; k < values.length; k++) {
    const key = before * 256 + values[k];
    if (table.has(key)) {
      before = table.get(key);
      continue;
    }
    write(before);
    if (next < 4096) {
      table.set(key, next);
      if (next++ === 1 << size) size++;
    } else {
      write(clear);
      [table, size, next] = [new Map(), 9, 258];
    }
    before = values[k];
  }
  write(before);
  if (next === 1 << size && size < 12) size++; // whoever reads has one code more by now
  write(end);
  if (waiting) bytes.push(bits & 255);
  return bytes;
}
