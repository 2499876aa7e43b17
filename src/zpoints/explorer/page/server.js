// Asks the server that made this page.

import { unpacked } from "zpoints/packing";
import { Field } from "zpoints/density";

export class Server {
  constructor() {
    this.name = "live";
    this.decodes = this.encodes = this.finds = true; // where there is a model; see `start`
  }

  async start() {
    const { heading, arrays } = await this.get("start");
    this.decodes = this.encodes = heading.codec;
    return { heading, arrays };
  }

  async plane(basis, i, j) {
    const { heading, arrays } = await this.get(`plane/${basis}/${i}/${j}`);
    const size = arrays.density.shape[0], [from, to] = heading.reach;
    const field = new Field(arrays.density, size, from, (to - from) / (size - 1));
    return { ...heading, field, points: arrays.points, margins: [arrays.margin_i, arrays.margin_j] };
  }

  // Pictures of vectors, each a Float32Array.
  async decode(vectors) {
    const { arrays } = await this.post("decode", joined(vectors));
    return pictures(arrays.pictures);
  }

  async near(z) {
    const { heading, arrays } = await this.post("near", joined([z]));
    return { numbers: [...arrays.numbers], distances: [...arrays.distances], usual: heading.usual };
  }

  async roundTrip(z) {
    const { heading, arrays } = await this.post("round-trip", joined([z]));
    return { distance: heading.distance, picture: pictures(arrays.pictures)[0] };
  }

  async sample(name, count, temperature, seed) {
    const { arrays } = await this.post("sample", JSON.stringify({ name, count, temperature, seed }));
    return rows(arrays.z);
  }

  async vectors(numbers) {
    const { arrays } = await this.post("vectors", JSON.stringify({ numbers }));
    return rows(arrays.z);
  }

  async thumbnails(numbers) {
    const { arrays } = await this.post("pictures", JSON.stringify({ numbers }));
    return pictures(arrays.pictures);
  }

  async far(count, skip) {
    const { arrays } = await this.post("far", JSON.stringify({ count, skip }));
    return { numbers: [...arrays.numbers], distances: [...arrays.distances] };
  }

  async attribute(name) {
    const { arrays } = await this.post("attribute", JSON.stringify({ name }));
    return arrays.values;
  }

  async direction(name, chosen) {
    const { arrays } = await this.post("direction", JSON.stringify({ name, chosen }));
    return arrays.direction;
  }

  get(path) {
    return answer(fetch(path));
  }

  post(path, body) {
    const type = typeof body === "string" ? "application/json" : "application/octet-stream";
    return answer(fetch(path, { method: "POST", body, headers: { "content-type": type } }));
  }
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("The server does not answer: it has ended, or its terminal was closed. Start `zpoints explore` again.");
  }
  if (!response.ok) {
    let text = response.statusText;
    try {
      text = (await response.json()).error;
    } catch {
      // not from us
    }
    throw new Error(text);
  }
  return unpacked(await response.arrayBuffer());
}

function joined(vectors) {
  const all = new Float32Array(vectors.length * vectors[0].length);
  vectors.forEach((vector, k) => all.set(vector, k * vector.length));
  return all;
}

export function rows(array) {
  const [count, length] = array.shape;
  return Array.from({ length: count }, (_, k) => array.slice(k * length, (k + 1) * length));
}

export function pictures(array) {
  const [count, height, width, colours] = array.shape, size = height * width * colours;
  return Array.from({ length: count }, (_, k) => asImage(array.subarray(k * size, (k + 1) * size), height, width, colours));
}

export function asImage(bytes, height, width, colours) {
  const image = new ImageData(width, height), { data } = image;
  for (let p = 0, q = 0; p < data.length; p += 4, q += colours) {
    data[p] = bytes[q];
    data[p + 1] = bytes[q + (colours > 1)];
    data[p + 2] = bytes[q + 2 * (colours > 1)];
    data[p + 3] = 255;
  }
  return image;
}
