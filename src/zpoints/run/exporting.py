"""`zpoints export RUN --onnx`: a run's Encoder and Decoder for other tools, with a page on how to use them."""

from pathlib import Path

from zpoints.errors import UsageError
from zpoints.files.atomic import atomic_path
from zpoints.files.documents import write_json
from zpoints.models.codec import read_model
from zpoints.run.folder import Run
from zpoints.run.ownership import check_own
from zpoints.system.extras import load, need

__all__ = ["export_onnx"]

FILES = ("encoder.onnx", "decoder.onnx", "README.md", "codec.toml")
MARK = "export.json"
README = """# {name}: Encoder and Decoder

`encoder.onnx` takes pictures of {height}x{width} pixels, (n, {height}, {width}, {colours}) uint8, and gives vectors,
(n, {latent}) float32. `decoder.onnx` takes such vectors, and gives pictures. Scaling and rounding are in the graphs.
All that is needed is `pip install onnxruntime pillow`:

```python
import numpy as np
import onnxruntime
from PIL import Image

encoder = onnxruntime.InferenceSession("encoder.onnx")
decoder = onnxruntime.InferenceSession("decoder.onnx")
picture = Image.open("picture.png").convert("{mode}").resize(({width}, {height}))
pictures = np.asarray(picture, np.uint8).reshape(1, {height}, {width}, {colours})
z = encoder.run(None, {{"pictures": pictures}})[0]
again = decoder.run(None, {{"z": z}})[0]
Image.fromarray(again[0]{first}).save("again.png")
```

`zpoints run --model FOLDER --source PICTURES` measures where this model puts other pictures, told by `codec.toml`.
"""


def export_onnx(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write ``encoder.onnx``, ``decoder.onnx``, a ``README.md`` that shows their use, and ``codec.toml``.

    Parameters
    ----------
    folder : of a run whose model is the built-in network.
    out : where to; None is the folder ``onnx`` of the run.

    Returns
    -------
    Path : the folder that was written.

    Raises
    ------
    UsageError : no run, or a model of another kind; `out` holds files that zpoints did not write.
    """
    run = Run(folder)
    out = Path(out) if out is not None else run.folder / "onnx"
    kind = read_model(run.paths.model).get("kind", "autoencoder")
    if kind == "foreign":
        raise UsageError(
            f"{run.folder}: its model came from another tool; it is there already, see model/codec.toml"
        )
    if kind == "pca":
        raise UsageError(
            f"{run.folder}: its model is a PCA, mean and axes of which lie in model/axes.safetensors; other tools "
            "need no network for that"
        )
    need("onnx", "onnx", "export --onnx")
    load("torch", "train", "export --onnx", "export the run where PyTorch is installed")
    from zpoints.models.autoencoder.checkpoint import load_autoencoder
    from zpoints.models.autoencoder.export import export_network
    from zpoints.models.foreign.recipe import Recipe, write_recipe

    check_own(out, FILES, MARK)
    network, _ = load_autoencoder(run.paths.model)
    a = network.architecture
    write_json(out / MARK, {"onnx": list(FILES), "run": run.settings.name})
    export_network(network, out / "encoder.onnx", out / "decoder.onnx")
    grey = a.colours == 1
    page = README.format(
        name=run.settings.name,
        height=a.height,
        width=a.width,
        colours=a.colours,
        latent=a.latent,
        mode="L" if grey else "RGB",
        first="[:, :, 0]" if grey else "",
    )
    with atomic_path(out / "README.md") as temporary:
        temporary.write_text(page, encoding="utf-8")
    recipe = Recipe(
        format="onnx",
        size=(a.height, a.width),
        channels=1 if grey else 3,
        layout="channels-last",
        range=(0.0, 255.0),
        latent_shape=(a.latent,),
        model={"encoder": "encoder.onnx", "decoder": "decoder.onnx"},
    )
    write_recipe(out / "codec.toml", recipe)
    return out
