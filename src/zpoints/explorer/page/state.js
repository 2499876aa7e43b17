// Where one is: plane and point, with what was before, and as text in the address.

import { fromBase64, toBase64Url } from "zpoints/packing";

const REMEMBERED = 200;

export class State {
  constructor(geometry) {
    this.geometry = geometry;
    this.z = geometry.centre();
    this.plane = { basis: "z", i: geometry.living[0] ?? 0, j: geometry.living[1] ?? 0 };
    this.past = [];
    this.listeners = [];
  }

  // `listener(what)` is told "point", "plane" or both, after each change.
  listen(listener) {
    this.listeners.push(listener);
  }

  tell(...what) {
    for (const listener of this.listeners) listener(what);
  }

  // Remember where one is, before a move begins.
  remember() {
    const last = this.past.at(-1);
    if (last && last.z.every((value, k) => value === this.z[k]) && same(last.plane, this.plane)) return;
    this.past.push({ z: this.z, plane: this.plane });
    if (this.past.length > REMEMBERED) this.past.shift();
  }

  move(z) {
    this.z = z;
    this.tell("point");
  }

  show(basis, i, j) {
    this.plane = { basis, i, j };
    this.tell("plane");
  }

  undo() {
    const before = this.past.pop();
    if (!before) return false;
    const other = !same(before.plane, this.plane);
    ({ z: this.z, plane: this.plane } = before);
    this.tell("point", ...(other ? ["plane"] : []));
    return true;
  }

  get text() {
    const { basis, i, j } = this.plane;
    return `#plane=${basis},${i},${j}&z=${toBase64Url(new Uint8Array(Float32Array.from(this.z).buffer))}`;
  }

  // Go where an address says; what is wrong in it is left out. Returns what has changed, to be told.
  read(text) {
    const parts = new URLSearchParams(text.replace(/^#/, "")), told = [];
    const [basis, i, j] = (parts.get("plane") ?? "").split(",");
    if (this.valid(basis, Number(i), Number(j))) {
      this.plane = { basis, i: Number(i), j: Number(j) };
      told.push("plane");
    }
    try {
      const z = new Float32Array(fromBase64(parts.get("z") ?? "").buffer);
      if (z.length === this.geometry.d && z.every(Number.isFinite)) {
        this.z = z;
        told.push("point");
      }
    } catch {
      // no vector: the point stays
    }
    return told;
  }

  valid(basis, i, j) {
    const { geometry } = this, whole = Number.isInteger(i) && Number.isInteger(j) && i !== j;
    if (!whole) return false;
    if (basis === "pca") return i >= 0 && j >= 0 && i < geometry.rank && j < geometry.rank;
    return basis === "z" && geometry.living.includes(i) && geometry.living.includes(j);
  }
}

function same(a, b) {
  return a.basis === b.basis && a.i === b.i && a.j === b.j;
}
