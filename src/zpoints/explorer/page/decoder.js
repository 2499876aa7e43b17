// The Decoder of zpoints' own network, in a worker: a dense layer, transposed convolutions of stride 2, activations.
// Values are laid out as rows, columns, channels. No imports: a worker is started from this text alone.

let layers, shape;

onmessage = ({ data: { id, network, vectors } }) => {
  if (network) {
    layers = network.layers.map(prepared);
    shape = network.shape;
    postMessage({ id });
    return;
  }
  const pictures = vectors.map(decoded);
  postMessage({ id, pictures, shape }, pictures.map((picture) => picture.buffer));
};

const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  leaky_relu: (x) => (x > 0 ? x : 0.2 * x),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  none: (x) => x,
};

function prepared(layer) {
  return { ...layer, act: ACTIVATIONS[layer.activation] };
}

function decoded(z) {
  let x = z;
  for (const layer of layers) x = layer.kind === "dense" ? dense(x, layer) : transposed(x, layer);
  const bytes = new Uint8ClampedArray(x.length);
  for (let k = 0; k < x.length; k++) bytes[k] = 255 * x[k]; // rounds to even, as PyTorch does
  return new Uint8Array(bytes.buffer);
}

function dense(x, { weight, bias, outputs, scale, shift, act }) {
  const y = Float32Array.from(bias), inputs = x.length;
  for (let i = 0; i < inputs; i++) {
    const value = x[i];
    if (value) for (let o = 0, at = i * outputs; o < outputs; o++) y[o] += value * weight[at + o];
  }
  return finished(y, scale, shift, act);
}

// Input pixel (r, c) adds to output pixels (2 r - padding + kr, 2 c - padding + kc).
function transposed(x, { weight, bias, inputs, outputs, kernel, padding, from, to, scale, shift, act }) {
  const [height, width] = from, [tall, wide] = to;
  const y = new Float32Array(tall * wide * outputs);
  const sum = new Float32Array(outputs);
  for (let row = 0; row < tall; row++) {
    for (let column = 0; column < wide; column++) {
      sum.set(bias);
      for (let kr = (row + padding) & 1; kr < kernel; kr += 2) {
        const r = (row + padding - kr) >> 1;
        if (r < 0 || r >= height) continue;
        for (let kc = (column + padding) & 1; kc < kernel; kc += 2) {
          const c = (column + padding - kc) >> 1;
          if (c < 0 || c >= width) continue;
          const pixel = (r * width + c) * inputs, tap = (kr * kernel + kc) * inputs * outputs;
          for (let i = 0; i < inputs; i++) {
            const value = x[pixel + i];
            if (value !== 0) for (let o = 0, at = tap + i * outputs; o < outputs; o++) sum[o] += value * weight[at + o];
          }
        }
      }
      y.set(sum, (row * wide + column) * outputs);
    }
  }
  return finished(y, scale, shift, act);
}

// Batch normalisation as it is after the training, then the activation.
function finished(y, scale, shift, act) {
  const channels = scale ? scale.length : 0;
  for (let k = 0; k < y.length; k++) y[k] = act(scale ? y[k] * scale[k % channels] + shift[k % channels] : y[k]);
  return y;
}
