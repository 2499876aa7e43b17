// Density of a plane on a grid: its contours, and the estimate itself where no server makes it.

// A field: values on size x size grid points, the first index along the first axis, of coordinates from + k step;
// `map` takes grid coordinates to standard deviations.
export class Field {
  constructor(values, size, from, step, map = (a, b) => [a, b], inverse = map) {
    Object.assign(this, { values, size, from, step, map, inverse });
  }

  // Density at a place given in standard deviations, by the nearest four grid points; 0 outside.
  at(u, v) {
    const [a, b] = this.inverse(u, v), { size, from, step, values } = this;
    const x = (a - from) / step, y = (b - from) / step, i = Math.floor(x), j = Math.floor(y);
    if (!(i >= 0 && j >= 0 && i < size - 1 && j < size - 1)) return 0;
    const p = x - i, q = y - j, k = i * size + j;
    return (1 - p) * ((1 - q) * values[k] + q * values[k + 1]) + p * ((1 - q) * values[k + size] + q * values[k + size + 1]);
  }

  // Density above which the highest-density region holds the share `mass`.
  level(mass) {
    const { sorted, held } = this.ordered();
    let low = 0, high = sorted.length - 1;
    const wanted = mass * held[high];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (held[middle] >= wanted) high = middle; else low = middle + 1;
    }
    return sorted[low];
  }

  // Share of the mass that lies where the density is at least `level`.
  held(level) {
    const { sorted, held } = this.ordered();
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] >= level) low = middle + 1; else high = middle;
    }
    return low ? held[low - 1] / held[held.length - 1] : 0;
  }

  ordered() {
    if (!this.order) {
      const sorted = Float32Array.from(this.values).sort().reverse();
      const held = new Float64Array(sorted.length);
      let sum = 0;
      for (let k = 0; k < sorted.length; k++) held[k] = sum += sorted[k];
      this.order = { sorted, held };
    }
    return this.order;
  }

  // Closed lines around where the density exceeds a level, by marching squares, in standard deviations.
  contours(level) {
    const { size, from, step, values, map } = this;
    const value = (i, j) => (i < 0 || j < 0 || i >= size || j >= size ? 0 : values[i * size + j]);
    const wide = size + 2, next = new Map(), where = new Map();
    // Edges are numbered by the grid point where they begin, and by their direction.
    const across = (i, j) => 2 * ((i + 1) * wide + j + 1), up = (i, j) => across(i, j) + 1;
    const place = (edge, i, j, di, dj) => {
      if (!where.has(edge)) {
        const a = value(i, j), b = value(i + di, j + dj), part = (level - a) / (b - a);
        where.set(edge, map(from + step * (i + di * part), from + step * (j + dj * part)));
      }
      return edge;
    };
    for (let i = -1; i < size; i++) {
      for (let j = -1; j < size; j++) {
        const a = value(i, j) > level, b = value(i + 1, j) > level;
        const c = value(i + 1, j + 1) > level, d = value(i, j + 1) > level;
        const kind = a + 2 * b + 4 * c + 8 * d;
        if (kind === 0 || kind === 15) continue;
        const bottom = () => place(across(i, j), i, j, 1, 0), top = () => place(across(i, j + 1), i, j + 1, 1, 0);
        const left = () => place(up(i, j), i, j, 0, 1), right = () => place(up(i + 1, j), i + 1, j, 0, 1);
        const link = (from, to) => next.set(from, to);
        const middle = (value(i, j) + value(i + 1, j) + value(i + 1, j + 1) + value(i, j + 1)) / 4 > level;
        // The inside lies to the left of each piece.
        if (kind === 1) link(bottom(), left());
        else if (kind === 2) link(right(), bottom());
        else if (kind === 3) link(right(), left());
        else if (kind === 4) link(top(), right());
        else if (kind === 6) link(top(), bottom());
        else if (kind === 7) link(top(), left());
        else if (kind === 8) link(left(), top());
        else if (kind === 9) link(bottom(), top());
        else if (kind === 11) link(right(), top());
        else if (kind === 12) link(left(), right());
        else if (kind === 13) link(bottom(), right());
        else if (kind === 14) link(left(), bottom());
        else if (kind === 5) {
          if (middle) { link(bottom(), right()); link(top(), left()); } else { link(bottom(), left()); link(top(), right()); }
        } else if (middle) { link(right(), top()); link(left(), bottom()); } else { link(right(), bottom()); link(left(), top()); }
      }
    }
    const lines = [];
    for (const first of next.keys()) {
      if (!next.has(first)) continue;
      const line = [];
      for (let edge = first; next.has(edge);) {
        line.push(where.get(edge));
        const after = next.get(edge);
        next.delete(edge);
        edge = after;
      }
      lines.push(line);
    }
    return lines;
  }
}

const GRID = 160, REACH = 5.5;

// Kernel estimate of standardised pairs: a Gaussian with their covariance times the square of Scott's n^(-1/6), as the
// server makes it. In whitened coordinates that kernel is round, so that two passes along the axes are enough.
export function estimated(u, v) {
  const n = u.length;
  let r = 0;
  for (let k = 0; k < n; k++) r += u[k] * v[k];
  r = Math.max(-1 + 1e-6, Math.min(1 - 1e-6, r / (n - 1)));
  const root = Math.sqrt(1 - r * r), step = (2 * REACH) / GRID, from = -REACH + step / 2;
  let values = new Float32Array(GRID * GRID);
  for (let k = 0; k < n; k++) {
    const x = (u[k] - from) / step, y = ((v[k] - r * u[k]) / root - from) / step;
    const i = Math.floor(x), j = Math.floor(y);
    if (!(i >= 0 && j >= 0 && i < GRID - 1 && j < GRID - 1)) continue;
    const p = x - i, q = y - j, at = i * GRID + j;
    values[at] += (1 - p) * (1 - q);
    values[at + 1] += (1 - p) * q;
    values[at + GRID] += p * (1 - q);
    values[at + GRID + 1] += p * q;
  }
  const width = n ** (-1 / 6) / step, reach = Math.ceil(4 * width), kernel = [];
  let sum = 0;
  for (let k = -reach; k <= reach; k++) sum += kernel[k + reach] = Math.exp(-0.5 * (k / width) ** 2);
  for (let k = 0; k < kernel.length; k++) kernel[k] /= sum;
  values = smoothed(smoothed(values, kernel, reach, GRID, 1), kernel, reach, 1, GRID);
  const unit = 1 / (n * step * step * root); // per square standard deviation
  for (let k = 0; k < values.length; k++) values[k] *= unit;
  return new Field(values, GRID, from, step, (a, b) => [a, r * a + root * b], (x, y) => [x, (y - r * x) / root]);
}

function smoothed(values, kernel, reach, stride, other) {
  const found = new Float32Array(values.length);
  for (let line = 0; line < GRID; line++) {
    for (let k = 0; k < GRID; k++) {
      let sum = 0;
      const low = Math.max(-reach, -k), high = Math.min(reach, GRID - 1 - k);
      for (let m = low; m <= high; m++) sum += kernel[m + reach] * values[line * other + (k + m) * stride];
      found[line * other + k * stride] = sum;
    }
  }
  return found;
}
