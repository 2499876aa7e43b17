// Ways to move besides the plane: axes, samplers, training pictures, attributes, a path.

import { gif } from "zpoints/gif";
import { $, made, number, saved, slider, thumbs } from "zpoints/parts";

const SLIDERS = 12, DRAWN = 24, STEPS = 25, TRIED = 40;

export function tabs() {
  const all = [...$("tabs").querySelectorAll("[role=tab]")];
  const choose = (tab) => {
    for (const one of all) {
      one.setAttribute("aria-selected", String(one === tab));
      one.tabIndex = one === tab ? 0 : -1;
      $(one.getAttribute("aria-controls")).hidden = one !== tab;
    }
  };
  all.forEach((tab, k) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!by) return;
      const open = all.filter((one) => !one.hidden), next = open[(open.indexOf(tab) + by + open.length) % open.length];
      choose(next);
      next.focus();
    });
  });
  return (id) => choose($(id));
}

export class Axes {
  constructor({ state, geometry, source, failed }) {
    Object.assign(this, { state, geometry, source });
    this.show([...Array(Math.min(SLIDERS, geometry.rank)).keys()]);
    $("leading").addEventListener("click", () => this.show([...Array(Math.min(SLIDERS, geometry.rank)).keys()]));
    $("strongest").addEventListener("click", () => this.strongest().catch(failed));
    state.listen((what) => what.includes("point") && this.follow());
  }

  show(axes, changes = []) {
    const { state, geometry } = this;
    this.sliders = axes.map((axis, k) => {
      const name = changes[k] === undefined ? `axis ${axis}` : `axis ${axis} (${changes[k].toFixed(1)})`;
      const text = (v) => `${v >= 0 ? "+" : "\u2212"}${Math.abs(v).toFixed(2)}`;
      const element = slider(name, { min: -4, max: 4, text }, (value, begun) => {
        if (begun) state.remember();
        this.own = true;
        state.move(geometry.moved(state.z, "pca", axis, value * geometry.deviation("pca", axis)));
        this.own = false;
      });
      return { axis, element };
    });
    $("sliders").replaceChildren(...this.sliders.map(({ element }) => element));
    this.follow();
  }

  follow() {
    const { state, geometry } = this;
    if (this.own) return;
    for (const { axis, element } of this.sliders) {
      element.set(geometry.coordinate(state.z, "pca", axis) / geometry.deviation("pca", axis));
    }
  }

  // Axes by the change of the picture from -2 to +2 standard deviations, all else at the centre: root mean square.
  async strongest() {
    const { geometry, source } = this, axes = [...Array(Math.min(TRIED, geometry.rank)).keys()], changes = [];
    $("strongest").disabled = true;
    for (const axis of axes) {
      const ends = [-2, 2].map((t) => geometry.moved(geometry.centre(), "pca", axis, t * geometry.deviation("pca", axis)));
      const [a, b] = (await source.decode(ends)).map((image) => image.data);
      let sum = 0;
      for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) ** 2;
      changes.push(Math.sqrt(sum / (0.75 * a.length)));
      $("strongest").textContent = `trying axis ${axis + 1} of ${axes.length}`;
    }
    $("strongest").textContent = "Those that change pictures most";
    $("strongest").disabled = false;
    const order = axes.toSorted((a, b) => changes[b] - changes[a]).slice(0, SLIDERS);
    this.show(order, order.map((axis) => changes[axis]));
  }
}

export class Samples {
  constructor({ state, source, heading, view, coordinates, failed }) {
    Object.assign(this, { state, source, view, coordinates, vectors: [], draws: 0 });
    $("tab-samples").hidden = !heading.samplers.length;
    $("sampler").replaceChildren(...heading.samplers.map((name) => made("option", { value: name }, name)));
    const file = source.name === "file";
    $("temperature").disabled = file;
    if (file) $("samples-text").textContent = "Drawn when this file was written, at temperature 1.";
    $("temperature").addEventListener("input", ({ target }) => ($("temperature-text").textContent = target.value));
    $("draw").addEventListener("click", () => this.draw().catch(failed));
  }

  async draw() {
    const { state, source } = this, name = $("sampler").value;
    $("draw").disabled = true;
    try {
      this.vectors = await source.sample(name, DRAWN, Number($("temperature").value), this.draws++);
      const images = source.decodes ? await source.decode(this.vectors) : [];
      const items = this.vectors.map((z, k) => ({ z, image: images[k], text: `${name} ${k + 1}` }));
      thumbs($("samples"), items, ({ z }) => {
        state.remember();
        state.move(z);
      });
      $("samples-text").textContent = `${DRAWN} by ${name}; their dots in the plane are violet. A click puts the point there.`;
      this.mark();
    } finally {
      $("draw").disabled = false;
    }
  }

  mark() {
    this.view.drawn = this.vectors.map((z) => this.coordinates(z));
    this.view.drawOverlay();
  }
}

export class Training {
  constructor({ state, source, heading, failed, seen }) {
    Object.assign(this, { state, source, heading, page: 0, selection: [] });
    const next = () => this.show().catch(failed);
    $("which").addEventListener("change", () => ((this.page = 0), next()));
    $("others").addEventListener("click", () => (this.page++, next()));
    this.seen = seen;
  }

  // Numbers of vectors, after the lasso.
  select(numbers) {
    this.selection = numbers;
    this.page = 0;
    $("which").value = "lasso";
    return this.show();
  }

  async show() {
    const which = $("which").value, { source, page } = this;
    let numbers = [], below = [], text;
    if (which === "far") {
      const found = await source.far(DRAWN, page * DRAWN);
      numbers = found.numbers;
      below = found.distances.map((distance) => distance.toFixed(1));
      text = "The z-points farthest from the centre, with their Mahalanobis distances.";
    } else if (which === "lasso") {
      const pages = Math.max(1, Math.ceil(this.selection.length / DRAWN)), from = (page % pages) * DRAWN;
      numbers = this.selection.slice(from, from + DRAWN);
      text = this.selection.length ? `${number(this.selection.length)} in the lasso` : "Nothing in the lasso: press Lasso, and draw a line around some points.";
      if (pages > 1) text += `; ${number(from + 1)} to ${number(from + numbers.length)} shown`;
    } else {
      numbers = scattered(this.seen, DRAWN, page);
      text = "Drawn at random. A click puts the point on a picture's z-point.";
    }
    $("training-text").textContent = text;
    const items = await this.items(numbers, below);
    thumbs($("training"), items, (item) => this.go(item.number));
  }

  async items(numbers, below = []) {
    const images = this.heading.pictures && numbers.length ? await this.source.thumbnails(numbers) : [];
    return numbers.map((one, k) => ({ number: one, image: images[k], text: `vector ${number(one)}`, below: below[k] }));
  }

  async go(number) {
    const [z] = await this.source.vectors([number]);
    this.state.remember();
    this.state.move(z);
  }
}

// Some of the values, others on each page, the same ones each time.
function scattered(values, count, page) {
  let seed = 1 + page * 7919;
  const found = new Set();
  while (found.size < Math.min(count, values.length)) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    found.add(values[Math.floor((seed / 2 ** 32) * values.length)]);
  }
  return [...found];
}

export class Attributes {
  constructor({ state, source, heading, failed }) {
    const { attributes } = heading;
    $("tab-attributes").hidden = !attributes.length;
    $("attributes-text").textContent = "Each slider adds a multiple of one direction: the mean of the vectors that have "
      + "the attribute less the mean of those that do not; of a number, the change for one standard deviation of it.";
    const sliders = [];
    for (const { name, kind, classes, directions } of attributes) {
      for (const chosen of directions) {
        const words = kind === "class" ? `${name}: ${classes[chosen]}` : name;
        let direction, base, asked = 0;
        const element = slider(words, { min: -3, max: 3 }, async (value, begun) => {
          asked = value;
          if (begun) {
            state.remember();
            base = undefined;
          }
          try {
            direction ??= await source.direction(name, chosen);
            base ??= { z: state.z, from: element.at ?? 0 };
            element.at = asked;
            this.moving = element;
            state.move(base.z.map((one, k) => one + (asked - base.from) * direction[k]));
            this.moving = null;
          } catch (error) {
            failed(error);
          }
        });
        sliders.push(element);
      }
    }
    $("directions").replaceChildren(...sliders);
    // From any other place a slider begins at 0 again.
    state.listen((what) => {
      if (!what.includes("point")) return;
      for (const element of sliders) {
        if (element === this.moving || !element.at) continue;
        element.at = 0;
        element.set(0);
      }
    });
  }
}

export class Path {
  constructor({ state, geometry, source, failed }) {
    Object.assign(this, { state, geometry, source, ends: [] });
    $("set-a").addEventListener("click", () => this.end(0).catch(failed));
    $("set-b").addEventListener("click", () => this.end(1).catch(failed));
    $("play").addEventListener("click", () => this.play());
    $("gif").addEventListener("click", () => this.save().catch(failed));
    $("place").addEventListener("input", ({ target }) => state.move(this.at(Number(target.value))));
    $("place").addEventListener("pointerdown", () => state.remember());
  }

  at(amount) {
    return this.geometry.between(this.ends[0], this.ends[1], amount);
  }

  async end(which) {
    this.ends[which] = this.state.z;
    this.frames = null;
    const whole = Boolean(this.ends[0] && this.ends[1]);
    for (const id of ["play", "gif", "place"]) $(id).disabled = !whole;
    $("path-text").textContent = whole ? "" : which ? "Choose where it begins." : "Choose where it ends: put the point there, and press End here.";
    if (!whole) return;
    const amounts = Array.from({ length: STEPS }, (_, k) => k / (STEPS - 1));
    this.vectors = amounts.map((amount) => this.at(amount));
    const distances = this.vectors.map((z) => this.geometry.distance(z));
    $("path-text").textContent = `${STEPS} steps; Mahalanobis distance ${distances[0].toFixed(1)} at its beginning, `
      + `${distances[(STEPS - 1) / 2].toFixed(1)} in its middle, ${distances.at(-1).toFixed(1)} at its end.`;
    if (!this.source.decodes) return;
    this.frames = await this.source.decode(this.vectors);
    const items = this.frames.map((image, k) => ({ image, amount: amounts[k], text: `step ${k + 1} of ${STEPS}` }));
    thumbs($("path"), items, ({ amount }) => {
      this.state.remember();
      $("place").value = amount;
      this.state.move(this.at(amount));
    });
  }

  play() {
    if (this.playing) return this.stop();
    $("play").textContent = "Stop";
    this.state.remember();
    const began = performance.now();
    const next = (now) => {
      if (!this.playing) return;
      const amount = Math.min(1, Math.max(0, (now - began) / 2500));
      $("place").value = amount;
      this.state.move(this.at(amount));
      if (amount < 1) this.playing = requestAnimationFrame(next); else this.stop();
    };
    this.playing = requestAnimationFrame(next);
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    $("play").textContent = "Play";
  }

  async save() {
    const frames = this.frames ?? (await this.source.decode(this.vectors));
    saved(gif([...frames, ...frames.slice(1, -1).reverse()]), "path.gif", "image/gif");
  }
}
