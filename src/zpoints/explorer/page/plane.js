// Draws a plane: density contours over ellipses, dots, margins, axes; and hears where the point is dragged.

const AROUND = 4.5; // standard deviations to either side
const EDGE = { left: 52, bottom: 40, top: 64, right: 64 };
const CLOSE = 9; // pixels from a dot at which it is meant
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#b59b00", "#7048e8", "#e64980"];

export class PlaneView {
  // `on` has move(u, v, begun), hover(number or null, x, y), lasso(numbers), key(event); u, v in standard deviations.
  constructor(base, overlay, mark, on) {
    Object.assign(this, { base, overlay, mark, on, plane: null, point: [0, 0], drawn: [], colours: null, dots: true });
    this.chosen = new Set();
    this.lassoing = false;
    this.listen();
    new ResizeObserver(() => this.resized()).observe(overlay);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  show(plane) {
    this.plane = plane;
    this.levels = plane.levels.map((level) => plane.field.contours(level));
    this.redraw();
  }

  resized() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of [this.base, this.overlay]) {
      canvas.width = Math.round(canvas.clientWidth * ratio);
      canvas.height = Math.round(canvas.clientHeight * ratio);
    }
    this.ratio = ratio;
    this.redraw();
  }

  redraw() {
    if (!this.plane || !this.base.width) return;
    this.drawBase();
    this.drawOverlay();
    this.placePoint();
  }

  // Pixels of a place in standard deviations, and back.
  x(u) { return EDGE.left + ((u + AROUND) / (2 * AROUND)) * this.wide; }
  y(v) { return EDGE.top + ((AROUND - v) / (2 * AROUND)) * this.tall; }
  u(x) { return ((x - EDGE.left) / this.wide) * 2 * AROUND - AROUND; }
  v(y) { return AROUND - ((y - EDGE.top) / this.tall) * 2 * AROUND; }
  get wide() { return this.base.clientWidth - EDGE.left - EDGE.right; }
  get tall() { return this.base.clientHeight - EDGE.top - EDGE.bottom; }

  begin(canvas) {
    const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    this.colour = Object.fromEntries(
      ["ink", "soft", "accent", "second", "third", "line", "paper", "fill"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    context.font = "11px system-ui, sans-serif";
    return context;
  }

  drawBase() {
    const { plane } = this, context = this.begin(this.base), { colour } = this;
    context.save();
    context.beginPath();
    context.rect(EDGE.left, EDGE.top, this.wide, this.tall);
    context.clip();
    this.levels.toReversed().forEach((lines, number) => {
      context.beginPath();
      for (const line of lines) this.trace(context, line, true);
      context.fillStyle = `rgba(${colour.fill}, ${0.14 + 0.13 * number})`;
      context.fill("evenodd");
    });
    if (this.dots) this.drawDots(context);
    context.strokeStyle = colour.second;
    context.lineWidth = 1.3;
    for (const sigma of plane.sigmas) this.ellipse(context, sigma);
    context.restore();
    this.drawAxes(context);
    this.drawMargins(context);
  }

  trace(context, line, closed) {
    line.forEach(([u, v], k) => (k ? context.lineTo(this.x(u), this.y(v)) : context.moveTo(this.x(u), this.y(v))));
    if (closed) context.closePath();
  }

  ellipse(context, sigma) {
    const { r } = this.plane, root = Math.sqrt(Math.max(0, 1 - r * r)), line = [];
    for (let k = 0; k < 120; k++) {
      const t = (2 * Math.PI * k) / 120;
      line.push([sigma * Math.cos(t), sigma * (r * Math.cos(t) + root * Math.sin(t))]);
    }
    context.beginPath();
    this.trace(context, line, true);
    context.stroke();
  }

  drawDots(context) {
    const { points, centre, scale } = this.plane, count = points.length / 2;
    const size = count > 5000 ? 1.2 : 1.8;
    context.globalAlpha = this.colours ? 0.75 : count > 5000 ? 0.35 : 0.5;
    for (let k = 0; k < count; k++) {
      const x = this.x((points[2 * k] - centre[0]) / scale[0]), y = this.y((points[2 * k + 1] - centre[1]) / scale[1]);
      const own = this.colours ? this.colours[k] : this.colour.ink;
      if (!own) continue;
      if (context.fillStyle !== own) context.fillStyle = own;
      context.fillRect(x - size / 2, y - size / 2, size, size);
    }
    context.globalAlpha = 1;
  }

  drawAxes(context) {
    const { centre, scale, names } = this.plane, { colour } = this;
    const right = EDGE.left + this.wide, bottom = EDGE.top + this.tall;
    context.strokeStyle = colour.line;
    context.lineWidth = 1;
    context.strokeRect(EDGE.left + 0.5, EDGE.top + 0.5, this.wide, this.tall);
    context.fillStyle = colour.soft;
    context.textAlign = "center";
    for (const value of ticks(centre[0] - AROUND * scale[0], centre[0] + AROUND * scale[0])) {
      const x = this.x((value - centre[0]) / scale[0]);
      context.fillRect(x, bottom, 1, 4);
      context.fillText(label(value), x, bottom + 15);
    }
    context.textAlign = "right";
    for (const value of ticks(centre[1] - AROUND * scale[1], centre[1] + AROUND * scale[1])) {
      const y = this.y((value - centre[1]) / scale[1]);
      context.fillRect(EDGE.left - 4, y, 4, 1);
      context.fillText(label(value), EDGE.left - 6, y + 4);
    }
    for (let sigma = -4; sigma <= 4; sigma++) {
      context.textAlign = "center";
      context.fillRect(this.x(sigma), EDGE.top, 1, 4);
      context.fillRect(right - 4, this.y(sigma), 4, 1);
      if (sigma && sigma % 2 === 0) {
        context.fillText(`${sigma}σ`, this.x(sigma), EDGE.top + 15);
        context.textAlign = "right";
        context.fillText(`${sigma}σ`, right - 6, this.y(sigma) + 4);
      }
    }
    context.fillStyle = colour.ink;
    context.textAlign = "center";
    context.fillText(names[0], EDGE.left + this.wide / 2, bottom + 32);
    context.save();
    context.translate(11, EDGE.top + this.tall / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(names[1], 0, 0);
    context.restore();
  }

  drawMargins(context) {
    const { margins, fits, centre, scale } = this.plane;
    margins.forEach((heights, axis) => {
      const bins = heights.length, step = (2 * AROUND) / bins, most = Math.max(...heights, 0.42);
      const depth = (axis ? EDGE.right : EDGE.top) - 10;
      const place = (t, height) => axis
        ? [EDGE.left + this.wide + 3 + (height / most) * depth, this.y(t)]
        : [this.x(t), EDGE.top - 3 - (height / most) * depth];
      context.fillStyle = `rgba(${this.colour.fill}, .45)`;
      heights.forEach((height, k) => {
        const [x, y] = place(-AROUND + k * step, height), [x0, y0] = place(-AROUND + (k + 1) * step, 0);
        context.fillRect(Math.min(x, x0), Math.min(y, y0), Math.abs(x - x0), Math.abs(y - y0));
      });
      const fit = fits[axis], middle = fit ? (fit[0] - centre[axis]) / scale[axis] : 0, width = fit ? fit[1] / scale[axis] : 1;
      context.beginPath();
      for (let k = 0; k <= 100; k++) {
        const t = -AROUND + (2 * AROUND * k) / 100;
        const height = Math.exp(-0.5 * ((t - middle) / width) ** 2) / (width * Math.sqrt(2 * Math.PI));
        const [x, y] = place(t, Math.min(height, most * 1.05));
        if (k) context.lineTo(x, y); else context.moveTo(x, y);
      }
      context.strokeStyle = this.colour.second;
      context.lineWidth = 1.2;
      context.stroke();
    });
  }

  drawOverlay() {
    if (!this.plane) return;
    const context = this.begin(this.overlay), { colour } = this, { centre, scale, points } = this.plane;
    context.fillStyle = colour.third;
    for (const [u, v] of this.drawn) {
      context.beginPath();
      context.arc(this.x(clamped(u)), this.y(clamped(v)), 3.2, 0, 2 * Math.PI);
      context.fill();
    }
    context.strokeStyle = colour.third;
    for (const k of this.chosen) {
      context.strokeRect(this.x((points[2 * k] - centre[0]) / scale[0]) - 2.5, this.y((points[2 * k + 1] - centre[1]) / scale[1]) - 2.5, 5, 5);
    }
    if (this.outline?.length > 1) {
      context.beginPath();
      this.outline.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.closePath();
      context.strokeStyle = colour.third;
      context.stroke();
    }
  }

  // The point is an element of its own: to move it costs less than to draw the overlay anew.
  placePoint() {
    if (!this.plane) return;
    const [u, v] = this.point, x = this.x(clamped(u)), y = this.y(clamped(v));
    this.mark.hidden = false;
    this.mark.style.transform = `translate(${x}px, ${y}px)`;
    this.mark.classList.toggle("outside", Math.max(Math.abs(u), Math.abs(v)) > AROUND);
    this.mark.classList.toggle("high", y < EDGE.top + 30);
  }

  listen() {
    const { overlay } = this;
    overlay.addEventListener("pointerdown", (event) => {
      if (event.button || !this.plane) return;
      overlay.setPointerCapture(event.pointerId);
      overlay.focus({ preventScroll: true });
      if (this.lassoing) this.outline = [[event.offsetX, event.offsetY]];
      else this.on.move(this.u(event.offsetX), this.v(event.offsetY), true);
    });
    overlay.addEventListener("pointermove", (event) => {
      if (!this.plane) return;
      if (!overlay.hasPointerCapture(event.pointerId)) return this.hover(event.offsetX, event.offsetY);
      if (this.lassoing) {
        this.outline?.push([event.offsetX, event.offsetY]);
        this.drawOverlay();
      } else this.on.move(this.u(event.offsetX), this.v(event.offsetY), false);
    });
    const end = () => {
      if (this.lassoing && this.outline) this.select();
    };
    overlay.addEventListener("pointerup", end);
    overlay.addEventListener("pointercancel", end);
    overlay.addEventListener("pointerleave", () => this.on.hover(null));
    overlay.addEventListener("keydown", (event) => this.on.key(event));
  }

  hover(x, y) {
    if (!this.dots) return;
    const { points, centre, scale } = this.plane;
    let best = null, least = CLOSE * CLOSE;
    for (let k = 0; k < points.length / 2; k++) {
      const dx = this.x((points[2 * k] - centre[0]) / scale[0]) - x, dy = this.y((points[2 * k + 1] - centre[1]) / scale[1]) - y;
      if (dx * dx + dy * dy < least) [best, least] = [k, dx * dx + dy * dy];
    }
    this.on.hover(best, x, y);
  }

  select() {
    const { points, centre, scale } = this.plane, outline = this.outline;
    this.outline = null;
    this.chosen = new Set();
    for (let k = 0; k < points.length / 2; k++) {
      const x = this.x((points[2 * k] - centre[0]) / scale[0]), y = this.y((points[2 * k + 1] - centre[1]) / scale[1]);
      if (inside(outline, x, y)) this.chosen.add(k);
    }
    this.drawOverlay();
    this.on.lasso([...this.chosen]);
  }

  // Colours of the dots by the values of an attribute; returns its legend as [colour, text] pairs.
  paint(attribute, values) {
    if (!attribute) {
      this.colours = null;
      this.redraw();
      return [];
    }
    let legend;
    if (attribute.kind === "number") {
      const known = [...values].filter(Number.isFinite).sort((a, b) => a - b);
      const low = known[Math.floor(0.02 * (known.length - 1))], high = known[Math.ceil(0.98 * (known.length - 1))];
      this.colours = Array.from(values, (value) => (Number.isFinite(value) ? ramp((value - low) / (high - low || 1)) : null));
      legend = [0, 0.25, 0.5, 0.75, 1].map((part) => [ramp(part), label(low + part * (high - low))]);
    } else {
      this.colours = Array.from(values, (value) => (Number.isFinite(value) ? PALETTE[value % PALETTE.length] : null));
      legend = attribute.classes.map((name, k) => [PALETTE[k % PALETTE.length], name]);
    }
    this.redraw();
    return legend;
  }
}

// From dark blue over green to yellow.
function ramp(part) {
  const t = Math.max(0, Math.min(1, part)), stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const k = Math.min(3, Math.floor(4 * t)), p = 4 * t - k;
  return `rgb(${stops[k].map((value, c) => Math.round(value + p * (stops[k + 1][c] - value))).join(", ")})`;
}

function clamped(t) {
  return Math.max(-AROUND, Math.min(AROUND, t));
}

function inside(outline, x, y) {
  let within = false;
  for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
    const [xa, ya] = outline[a], [xb, yb] = outline[b];
    if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) within = !within;
  }
  return within;
}

function ticks(low, high) {
  const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= rough), found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

export function label(value) {
  const shown = Number(value.toPrecision(3));
  return String(Math.abs(shown) < 1e-12 ? 0 : shown).replace("-", "\u2212");
}
