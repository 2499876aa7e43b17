// Where a vector lies: coordinates along components and principal axes, distances, ellipses.

export class Geometry {
  constructor({ heading, arrays }) {
    this.d = heading.d;
    this.rank = heading.rank;
    this.levels = heading.levels.map((level) => level.sigma);
    Object.assign(this, arrays); // mean, std, scale, axes, variance, correlation, radii, scores
    const dead = new Set(heading.dead);
    this.living = [...Array(this.d).keys()].filter((number) => !dead.has(number));
  }

  centre() {
    return Float32Array.from(this.mean);
  }

  // Along all principal axes, in standard deviations.
  whitened(z) {
    const { d, rank, mean, scale, axes, variance } = this;
    const x = new Float64Array(d), u = new Float64Array(rank);
    for (let i = 0; i < d; i++) x[i] = (z[i] - mean[i]) / scale[i];
    for (let k = 0; k < rank; k++) {
      let sum = 0;
      for (let i = 0, at = k * d; i < d; i++) sum += x[i] * axes[at + i];
      u[k] = sum / Math.sqrt(variance[k]);
    }
    return u;
  }

  unwhitened(u) {
    const { d, rank, mean, scale, axes, variance } = this;
    const z = Float64Array.from(mean);
    for (let k = 0; k < rank; k++) {
      const amount = u[k] * Math.sqrt(variance[k]);
      if (amount) for (let i = 0, at = k * d; i < d; i++) z[i] += amount * axes[at + i] * scale[i];
    }
    return Float32Array.from(z);
  }

  // In own units, as the plane shows it.
  coordinate(z, basis, number) {
    if (basis === "z") return z[number];
    const { d, mean, scale, axes } = this;
    let sum = 0;
    for (let i = 0, at = number * d; i < d; i++) sum += ((z[i] - mean[i]) / scale[i]) * axes[at + i];
    return sum;
  }

  // The same vector with another coordinate; along a principal axis all other axes' coordinates stay.
  moved(z, basis, number, value) {
    const changed = Float32Array.from(z);
    if (basis === "z") {
      changed[number] = value;
      return changed;
    }
    const { d, scale, axes } = this, by = value - this.coordinate(z, basis, number);
    for (let i = 0, at = number * d; i < d; i++) changed[i] += by * axes[at + i] * scale[i];
    return changed;
  }

  deviation(basis, number) {
    return basis === "z" ? this.std[number] : Math.sqrt(this.variance[number]);
  }

  distance(z) {
    return Math.hypot(...chunkNorms(this.whitened(z)));
  }

  // Share of the z-points that lie nearer to the centre than `distance`; undefined where it was not measured.
  shareNearer(distance) {
    const { radii, scores } = this;
    if (!radii) return undefined;
    const last = radii.length - 1;
    if (distance <= radii[0]) return 0;
    if (distance >= radii[last]) return 1;
    let k = 1;
    while (radii[k] < distance) k++;
    const part = (distance - radii[k - 1]) / (radii[k] - radii[k - 1] || 1);
    return normalShare(scores[k - 1] + part * (scores[k] - scores[k - 1]));
  }

  // Of all planes of two living components, the share whose k sigma ellipse the vector lies in, for each level k.
  shareInside(z) {
    const { d, mean, std, correlation, living, levels } = this;
    const squares = levels.map((sigma) => sigma * sigma), counts = levels.map(() => 0);
    const u = living.map((i) => (z[i] - mean[i]) / std[i]);
    let planes = 0;
    for (let a = 0; a < living.length; a++) {
      for (let b = a + 1, row = living[a] * d; b < living.length; b++) {
        const r = correlation[row + living[b]], rest = 1 - r * r;
        if (rest < 1e-9) continue; // one component twice: no ellipse
        const square = (u[a] * u[a] - 2 * r * u[a] * u[b] + u[b] * u[b]) / rest;
        planes++;
        for (let k = 0; k < squares.length; k++) if (square <= squares[k]) counts[k]++;
      }
    }
    return planes ? counts.map((count) => count / planes) : levels.map(() => NaN);
  }

  // From a to b: the direction from the centre turns along a great circle of the whitened axes, lengths change evenly.
  between(a, b, amount) {
    const u = this.whitened(a), v = this.whitened(b);
    const lengthU = Math.hypot(...chunkNorms(u)), lengthV = Math.hypot(...chunkNorms(v));
    const straight = (from, to) => from + amount * (to - from);
    let turned = u.map((value, k) => straight(value, v[k]));
    if (Math.min(lengthU, lengthV) > 0) {
      const less = u.map((value, k) => value / lengthU - v[k] / lengthV);
      const more = u.map((value, k) => value / lengthU + v[k] / lengthV);
      const angle = 2 * Math.atan2(Math.hypot(...chunkNorms(less)), Math.hypot(...chunkNorms(more)));
      if (Math.sin(angle) >= 1e-9) {
        const from = Math.sin((1 - amount) * angle) / lengthU, to = Math.sin(amount * angle) / lengthV;
        const length = straight(lengthU, lengthV) / Math.sin(angle);
        turned = u.map((value, k) => length * (from * value + to * v[k]));
      }
    }
    // What the axes do not hold goes straight.
    const made = this.unwhitened(turned), restA = this.unwhitened(u), restB = this.unwhitened(v);
    return made.map((value, i) => value + straight(a[i] - restA[i], b[i] - restB[i]));
  }
}

// Norms of pieces: a function takes only so many arguments.
function chunkNorms(values) {
  const norms = [];
  for (let k = 0; k < values.length; k += 4096) {
    let sum = 0;
    for (let m = k; m < Math.min(k + 4096, values.length); m++) sum += values[m] * values[m];
    norms.push(Math.sqrt(sum));
  }
  return norms;
}

// The normal distribution function, to 1e-7 (Abramowitz and Stegun 1964, 26.2.17).
export function normalShare(x) {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x >= 0 ? 1 - tail : tail;
}
