// Answers out of this very file: vectors, thumbnails, and the Decoder in a worker, or pictures decoded beforehand.

import { fromBase64, unpacked } from "zpoints/packing";
import { estimated } from "zpoints/density";
import { Geometry } from "zpoints/geometry";
import { pictures, rows } from "zpoints/server";

const BINS = 90, REACH = 4.5;

export class File {
  constructor(text, worker) {
    this.name = "file";
    this.text = text;
    this.workerText = worker;
    this.finds = true;
    this.encodes = false;
  }

  async start() {
    const { heading, arrays } = unpacked(fromBase64(this.text.trim()).buffer);
    Object.assign(this, { heading, arrays, geometry: new Geometry({ heading, arrays }) });
    this.text = null;
    this.columns = new Map();
    this.taken = {};
    this.decodes = Boolean(heading.network);
    this.grids = heading.grids ?? [];
    if (this.decodes) await this.startDecoder();
    if (arrays.thumbs) this.sheet = await createImageBitmap(new Blob([arrays.thumbs], { type: "image/jpeg" }));
    return { heading, arrays };
  }

  async startDecoder() {
    this.worker = new Worker(URL.createObjectURL(new Blob([this.workerText], { type: "text/javascript" })));
    this.asked = new Map();
    this.worker.onmessage = ({ data }) => {
      this.asked.get(data.id).resolve(data);
      this.asked.delete(data.id);
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.asked.values()) reject(new Error(event.message));
      this.asked.clear();
    };
    const { layers, shape } = this.heading.network;
    const withWeights = layers.map((layer, k) => {
      const own = { ...layer };
      for (const part of ["weight", "bias", "scale", "shift"]) own[part] = this.arrays[`layer_${k}_${part}`];
      return own;
    });
    await this.ask({ network: { layers: withWeights, shape } });
  }

  ask(message) {
    return new Promise((resolve, reject) => {
      const id = (this.last = (this.last ?? 0) + 1);
      this.asked.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message });
    });
  }

  async decode(vectors) {
    const found = await this.ask({ vectors: vectors.map((vector) => Float32Array.from(vector)) });
    const [height, width, colours] = found.shape, all = new Uint8Array(vectors.length * height * width * colours);
    found.pictures.forEach((picture, k) => all.set(picture, k * picture.length));
    all.shape = [vectors.length, height, width, colours];
    return pictures(all);
  }

  // Without a Decoder: the picture decoded beforehand nearest to a place of a leading plane; null elsewhere.
  async prepared(basis, i, j, u, v) {
    const at = this.grids.findIndex((grid) => grid.basis === basis && grid.i === i && grid.j === j);
    if (at < 0) return null;
    const { steps, reach } = this.grids[at], place = (t) => Math.round(((t + reach) / (2 * reach)) * (steps - 1));
    const [a, b] = [place(u), place(v)];
    if (!(a >= 0 && b >= 0 && a < steps && b < steps)) return null;
    this.sheets ??= [];
    this.sheets[at] ??= await createImageBitmap(new Blob([this.arrays[`grid_${at}`]], { type: "image/jpeg" }));
    const [height, width] = this.heading.decoded;
    return cut(this.sheets[at], a * width, b * height, width, height);
  }

  column(basis, number) {
    const key = `${basis}${number}`, { geometry, arrays } = this, [count, d] = arrays.vectors.shape;
    if (!this.columns.has(key)) {
      if (this.columns.size > 64) this.columns.clear();
      const column = new Float32Array(count);
      for (let k = 0; k < count; k++) {
        column[k] = basis === "z" ? arrays.vectors[k * d + number]
          : geometry.coordinate(arrays.vectors.subarray(k * d, (k + 1) * d), basis, number);
      }
      this.columns.set(key, column);
    }
    return this.columns.get(key);
  }

  async plane(basis, i, j) {
    const { geometry } = this, axes = [i, j], columns = axes.map((number) => this.column(basis, number));
    const centre = axes.map((number) => (basis === "z" ? geometry.mean[number] : 0));
    const scale = axes.map((number) => geometry.deviation(basis, number));
    const r = basis === "z" ? geometry.correlation[i * geometry.d + j] : 0;
    const [u, v] = columns.map((column, axis) => column.map((value) => (value - centre[axis]) / scale[axis]));
    const field = estimated(u, v), count = u.length, points = new Float32Array(2 * count);
    const squares = geometry.levels.map((sigma) => sigma * sigma), inside = squares.map(() => 0);
    for (let k = 0; k < count; k++) {
      points[2 * k] = columns[0][k];
      points[2 * k + 1] = columns[1][k];
      const square = (u[k] * u[k] - 2 * r * u[k] * v[k] + v[k] * v[k]) / Math.max(1 - r * r, 1e-12);
      squares.forEach((limit, level) => (inside[level] += square <= limit));
    }
    const coverage = inside.map((found) => found / count);
    const levels = this.heading.levels.map(({ normal }) => field.level(normal));
    const margins = [u, v].map((values) => {
      const heights = new Float32Array(BINS), width = (2 * REACH) / BINS;
      for (const value of values) {
        const bin = Math.floor((value + REACH) / width);
        if (bin >= 0 && bin < BINS) heights[bin] += 1 / (count * width);
      }
      return heights;
    });
    return { basis, axes, centre, scale, r, levels, coverage, field, points, margins, fits: [null, null], measured: null };
  }

  async near(z) {
    const { vectors, shown } = this.arrays, [count, d] = vectors.shape, squares = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      let sum = 0;
      for (let i = 0, at = k * d; i < d; i++) sum += (vectors[at + i] - z[i]) ** 2;
      squares[k] = sum;
    }
    const best = [...squares.keys()].sort((a, b) => squares[a] - squares[b]).slice(0, 6);
    return { numbers: best.map((k) => shown[k]), distances: best.map((k) => Math.sqrt(squares[k])), usual: this.heading.usual };
  }

  async sample(name, count) {
    const drawn = rows(this.arrays[`sampler_${this.heading.samplers.indexOf(name)}`]), from = this.taken[name] ?? 0;
    this.taken[name] = from + count;
    return Array.from({ length: count }, (_, k) => drawn[(from + k) % drawn.length]);
  }

  row(number) {
    this.places ??= new Map([...this.arrays.shown].map((shown, k) => [shown, k]));
    return this.places.get(number);
  }

  async vectors(numbers) {
    const { vectors } = this.arrays, d = vectors.shape[1];
    return numbers.map((number) => vectors.slice(this.row(number) * d, (this.row(number) + 1) * d));
  }

  async thumbnails(numbers) {
    const { columns, height, width, count } = this.heading.thumbs ?? { count: 0 };
    return numbers.map((number) => {
      const k = this.row(number);
      return k < count ? cut(this.sheet, (k % columns) * width, Math.floor(k / columns) * height, width, height) : null;
    });
  }

  async far(count, skip) {
    if (!this.distances) {
      const { vectors } = this.arrays, [n, d] = vectors.shape;
      this.distances = Float64Array.from({ length: n }, (_, k) => this.geometry.distance(vectors.subarray(k * d, (k + 1) * d)));
    }
    const order = [...this.distances.keys()].sort((a, b) => this.distances[b] - this.distances[a]).slice(skip, skip + count);
    return { numbers: order.map((k) => this.arrays.shown[k]), distances: order.map((k) => this.distances[k]) };
  }

  async attribute(name) {
    return this.arrays[`attribute_${this.heading.attributes.findIndex((one) => one.name === name)}`];
  }

  async direction(name, chosen) {
    return this.arrays[`direction_${this.heading.attributes.findIndex((one) => one.name === name)}_${chosen}`];
  }
}

function cut(sheet, x, y, width, height) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
  context.drawImage(sheet, x, y, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
