"""The page in a browser, as a person uses it; its arithmetic beside NumPy's and PyTorch's."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import opened, place, until
from PIL import Image

from zpoints.analysis import walks
from zpoints.explorer.export import export_page
from zpoints.explorer.plane import plane
from zpoints.explorer.serving import Explorer
from zpoints.explorer.space import Space, open_space


@pytest.fixture(params=["live", "file"])
def page(request: pytest.FixtureRequest, browser: Any, explorer: Explorer, exported: Path) -> Iterator[Any]:
    """The page from the server, and from the exported file."""
    address = explorer.url if request.param == "live" else exported.as_uri()
    found = opened(browser, address)
    found.kind = request.param
    yield found
    assert found.trouble == []
    allowed = (explorer.url, "data:", "blob:") if request.param == "live" else ("file:", "data:", "blob:")
    assert [url for url in found.asked if not url.startswith(allowed)] == [], "nothing leaves the machine"
    found.context.close()


def picture(page: Any) -> bytes:
    return page.evaluate("document.getElementById('picture').toDataURL()")


def point(page: Any) -> list[float]:
    """Where the address says that the point is."""
    page.wait_for_timeout(450)
    return page.evaluate(
        """async () => { const { fromBase64 } = await import("zpoints/packing");
        const z = new URLSearchParams(location.hash.slice(1)).get("z");
        return [...new Float32Array(fromBase64(z).buffer)]; }"""
    )


def test_the_point_is_dragged_and_the_picture_follows(page: Any) -> None:
    until(page, "performance.getEntriesByName('zpoints: picture').length > 0")
    before = picture(page)
    page.mouse.move(*place(page, 0.45, 0.5))
    page.mouse.down()
    for step in range(12):
        page.mouse.move(*place(page, 0.45 - 0.02 * step, 0.5 + 0.01 * step))
    page.mouse.up()
    until(page, "before => document.getElementById('picture').toDataURL() !== before", before)
    first = point(page)
    assert "ellipse of" in page.inner_text("#facts")
    until(page, "document.querySelectorAll('#near button').length === 6")
    page.click("#undo")
    assert point(page) != first
    page.click("#reset")
    assert "0.00" in page.inner_text("#facts dd")


def test_another_plane(page: Any) -> None:
    page.fill("#axis-i", "3")
    page.press("#axis-i", "Tab")
    until(page, "document.getElementById('overlay').ariaLabel.includes('component 3')")
    page.select_option("#basis", "pca")
    until(page, "document.getElementById('overlay').ariaLabel.includes('principal axis')")
    least = page.locator("#jump optgroup[label='Least elliptic'] option").first.get_attribute("value")
    page.select_option("#jump", least)
    i, j = least.split(",")[1:]
    until(page, f"document.getElementById('overlay').ariaLabel.includes('component {i} and component {j}')")
    page.fill("#axis-i", j)
    page.press("#axis-i", "Tab")
    assert "two different axes" in page.inner_text("#trouble")


def test_samples_are_drawn_and_chosen(page: Any) -> None:
    page.click("#tab-samples")
    page.click("#draw")
    until(page, "document.querySelectorAll('#samples canvas').length === 24")
    before = picture(page)
    page.locator("#samples button").nth(5).click()
    until(page, "before => document.getElementById('picture').toDataURL() !== before", before)
    assert page.locator("#temperature").is_disabled() == (page.kind == "file")


def test_a_lasso_shows_pictures(page: Any, space: Space) -> None:
    page.click("#lasso")
    page.mouse.move(*place(page, 0.2, 0.2))
    page.mouse.down()
    for x, y in [(0.85, 0.2), (0.85, 0.85), (0.2, 0.85), (0.2, 0.25)]:
        page.mouse.move(*place(page, x, y), steps=3)
    page.mouse.up()
    until(page, "document.getElementById('training-text').textContent.includes('in the lasso;')")
    assert page.locator("#training canvas").count() == 24
    page.click("#others")
    until(page, "document.getElementById('training-text').textContent.includes('25 to')")
    page.locator("#training button").first.click()
    here = np.array(point(page))
    distances = np.linalg.norm(space.latents.array() - here, axis=1)
    assert distances.min() < (1e-4 if page.kind == "live" else 0.02 * np.linalg.norm(here) + 1e-2)


def test_the_farthest_ones_come_first(page: Any, space: Space) -> None:
    page.click("#tab-training")
    page.select_option("#which", "far")
    until(page, "document.getElementById('training-text').textContent.startsWith('The z-points farthest')")
    until(page, "document.querySelectorAll('#training li div').length === 24")
    numbers, distances = walks.farthest(space.latents, space.distribution, 24)
    shown = [float(text) for text in page.locator("#training li div").all_inner_texts()]
    np.testing.assert_allclose(shown, distances, atol=0.11)
    first = page.locator("#training button").first.get_attribute("aria-label")
    assert first == f"vector {int(numbers[0]):,}"


def test_attributes_colour_the_dots_and_give_sliders(page: Any, space: Space) -> None:
    page.select_option("#colour", "kind")
    until(page, "document.getElementById('legend').textContent.includes('third')")
    page.select_option("#colour", "brightness")
    until(page, "document.querySelectorAll('#legend span').length === 5")
    page.click("#tab-attributes")
    assert page.locator("#directions input").count() == 4  # one of yes or no, two classes, one number
    bright = page.get_by_label("bright", exact=True)
    start = np.array(point(page))
    bright.evaluate("input => { input.value = 2; input.dispatchEvent(new Event('input')); }")
    page.wait_for_timeout(500)
    from zpoints.explorer.attributes import direction

    np.testing.assert_allclose(np.array(point(page)) - start, 2 * direction(space, "bright"), atol=1e-3)
    page.click("#reset")
    until(page, "document.querySelector('#directions input').value === '0'")


def test_a_path_is_shown_played_and_saved(page: Any, space: Space) -> None:
    page.click("#tab-training")
    until(page, "document.querySelectorAll('#training button').length === 24")
    ends = []
    for number, which in ((0, "#set-a"), (7, "#set-b")):
        page.click("#tab-training")
        page.locator("#training button").nth(number).click()
        ends.append(np.array(point(page)))
        page.click("#tab-path")
        page.click(which)
    until(page, "document.querySelectorAll('#path canvas').length === 25")
    page.locator("#path button").nth(12).click()
    middle = walks.interpolate(space.distribution, *ends, steps=25).vectors[12]
    np.testing.assert_allclose(point(page), middle, rtol=2e-3, atol=2e-3)
    with page.expect_download() as waiting:
        page.click("#gif")
    with Image.open(io.BytesIO(waiting.value.path().read_bytes())) as animation:
        assert animation.n_frames == 48
        frame = np.asarray(animation.convert("RGB"), float)
    first = space.codec.decode(ends[0][None].astype(np.float32))[0]
    assert np.abs(frame - np.broadcast_to(first, (*first.shape[:2], 3))).mean() < 8
    page.click("#play")
    until(page, "document.getElementById('play').textContent === 'Stop'")
    until(page, "document.getElementById('play').textContent === 'Play'")
    assert page.input_value("#place") == "1"


def test_the_address_is_the_place(page: Any, browser: Any) -> None:
    page.select_option("#basis", "pca")
    page.locator("#overlay").focus()
    page.keyboard.press("ArrowRight")
    here, address = point(page), page.url
    again = opened(browser, address)
    np.testing.assert_array_equal(point(again), here)
    assert again.input_value("#basis") == "pca"
    for odd in ("#plane=z,0,0&z=AAAA", "#plane=q,1&z=!!", "#%%%"):
        again.goto(address.partition("#")[0] + odd)
        again.reload()
        again.wait_for_selector("html[data-ready]")
        assert again.input_value("#basis") == "z"
    assert again.trouble == []
    again.context.close()


def test_the_keyboard_alone(page: Any) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "overlay":
            break
    assert page.evaluate("document.activeElement.id") == "overlay"
    start = np.array(point(page)[:2])
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    by = np.array(point(page)[:2]) - start
    assert by[0] > 0 > by[1]
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    np.testing.assert_allclose(point(page)[:2], start, atol=1e-6)
    page.locator("#tab-axes").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#panel-samples").is_visible()


@pytest.mark.parametrize("width", [390, 1000, 1400])
def test_nothing_sticks_out_of_its_panel(browser: Any, explorer: Explorer, width: int) -> None:
    page = opened(browser, explorer.url, viewport={"width": width, "height": 900})
    for tab in ("axes", "samples", "training", "attributes", "path"):
        page.click(f"#tab-{tab}")
        beyond = """() => { const edge = document.getElementById("panels").getBoundingClientRect().right;
            return [...document.querySelectorAll("#panels *")].filter((e) => e.getBoundingClientRect().right > edge)
                .map((e) => e.outerHTML.slice(0, 80)); }"""
        assert page.evaluate(beyond) == [], tab
    page.context.close()


def test_every_control_has_a_name(page: Any) -> None:
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas[role], [tabindex]")]
        .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
        .filter((e) => !e.getAttribute("aria-labelledby"))
        .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window(browser: Any, explorer: Explorer, scheme: str) -> None:
    page = opened(browser, explorer.url, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) < 200) == (scheme == "dark")
    assert page.trouble == []
    page.context.close()


def test_vectors_without_a_model_and_pictures(browser: Any, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    space = open_space(tmp_path / "z.npy")
    with Explorer(space) as running:
        for address in (running.url, export_page(space, tmp_path / "page.html").as_uri()):
            page = opened(browser, address)
            assert not page.locator("#pictures-now").is_visible()
            assert not page.locator("#tab-samples").is_visible()
            until(page, "document.querySelectorAll('#near button').length === 6")
            page.locator("#near button").first.click()
            assert np.abs(z - point(page)).max(axis=1).min() < 2e-3
            assert page.trouble == []
            page.context.close()


def test_a_model_that_the_page_cannot_run_leaves_pictures_of_some_planes(
    browser: Any, space: Space, tmp_path: Path
) -> None:
    class Other:
        """The same model under another kind."""

        kind, dimension, latent_shape, shape = "foreign", space.codec.dimension, (4,), space.codec.shape
        encode, decode = space.codec.encode, space.codec.decode

    other = Space(space.name, space.distribution, space.latents, space.analysis, get_codec=Other)
    page = opened(browser, export_page(other, tmp_path / "page.html").as_uri())
    assert "cannot decode" in page.inner_text("#footer")
    assert "holds no Decoder" in page.inner_text("#picture-text")
    page.select_option("#basis", "pca")
    until(page, "document.getElementById('picture-text').textContent.startsWith('decoded beforehand')")
    found = np.array(
        page.evaluate(
            "[...document.getElementById('picture').getContext('2d').getImageData(0, 0, 16, 16).data]"
        )
    )
    expected = space.codec.decode(space.distribution.mean[None].astype(np.float32))[0]
    assert np.abs(found.reshape(16, 16, 4)[..., :3].astype(float) - expected).mean() < 12
    assert page.trouble == []
    page.context.close()


def test_the_arithmetic_of_the_page(browser: Any, exported: Path, space: Space) -> None:
    page = opened(browser, exported.as_uri())
    z, distribution = space.latents.array(), space.distribution
    found = page.evaluate(
        """async ({ z, radii, scores, start }) => {
          const { Geometry } = await import("zpoints/geometry");
          const arrays = {};
          for (const [name, values] of Object.entries(start)) arrays[name] = Float32Array.from(values);
          const { heading } = start, geometry = new Geometry({ heading: { ...heading }, arrays });
          return z.map((one) => ({ distance: geometry.distance(one), inside: geometry.shareInside(one),
            nearer: geometry.shareNearer(geometry.distance(one)), whitened: [...geometry.whitened(one)],
            moved: [...geometry.moved(one, "pca", 1, 2)], back: [...geometry.unwhitened(geometry.whitened(one))] }));
        }""",
        {"z": z[:20].tolist(), "start": _start(space)},
    )
    u = distribution.pca.whiten(z)
    distances = np.linalg.norm(u, axis=1)
    std, r = distribution.std, np.corrcoef(z.T)
    for k, one in enumerate(found):
        assert one["distance"] == pytest.approx(distances[k], rel=1e-4)
        np.testing.assert_allclose(one["whitened"], u[k], atol=1e-3)
        np.testing.assert_allclose(one["back"], z[k], atol=1e-3)
        assert distribution.pca.transform(np.array([one["moved"]]))[0, 1] == pytest.approx(2, abs=1e-3)
        # Quantiles are kept at steps of a sixteenth of a sigma.
        assert one["nearer"] == pytest.approx((distances < distances[k]).mean(), abs=0.03)
        s = (z[k] - distribution.mean) / std
        squares = [
            (s[i] ** 2 - 2 * r[i, j] * s[i] * s[j] + s[j] ** 2) / (1 - r[i, j] ** 2)
            for i in range(len(s))
            for j in range(i + 1, len(s))
        ]
        expected = [np.mean(np.array(squares) <= sigma**2) for sigma in (1, 2, 2.5, 3)]
        np.testing.assert_allclose(one["inside"], expected, atol=1 / len(squares) + 1e-9)
    page.context.close()


def _start(space: Space) -> dict[str, Any]:
    from zpoints.explorer.start import arrays_of, heading_of

    return {"heading": heading_of(space), **{k: v.ravel().tolist() for k, v in arrays_of(space).items()}}


def test_the_density_of_the_page_is_that_of_the_server(browser: Any, exported: Path, space: Space) -> None:
    page = opened(browser, exported.as_uri())
    heading, arrays = plane(space, "z", 0, 1)
    z = space.latents.array()[:, :2]
    u = (z - z.mean(axis=0)) / z.std(axis=0, ddof=1)
    found = page.evaluate(
        """async ({ u, v, masses, grid, from, step }) => {
          const { Field, estimated } = await import("zpoints/density");
          const own = estimated(Float32Array.from(u), Float32Array.from(v));
          const served = new Field(Float32Array.from(grid), Math.sqrt(grid.length), from, step);
          const area = (lines) => Math.abs(lines.reduce((sum, line) => sum + line.reduce((part, [x, y], k) => {
            const [a, b] = line[(k + 1) % line.length]; return part + (x * b - a * y) / 2; }, 0), 0));
          return [own, served].map((field) => masses.map((mass) => ({ level: field.level(mass),
            held: field.held(field.level(mass)), area: area(field.contours(field.level(mass))) })));
        }""",
        {
            "u": u[:, 0].tolist(),
            "v": u[:, 1].tolist(),
            "masses": [0.39, 0.86, 0.95],
            "grid": arrays["density"].ravel().tolist(),
            "from": heading["reach"][0],
            "step": (heading["reach"][1] - heading["reach"][0]) / (len(arrays["density"]) - 1),
        },
    )
    cell = (10 / len(arrays["density"])) ** 2
    for mass, own, served in zip((0.39, 0.86, 0.95), *found, strict=True):
        assert own["level"] == pytest.approx(served["level"], rel=0.06, abs=1e-3)
        assert own["area"] == pytest.approx(served["area"], rel=0.05)
        assert served["held"] == pytest.approx(mass, abs=0.01)
        above = (arrays["density"] > served["level"]).sum() * cell
        assert served["area"] == pytest.approx(above, rel=0.04)
    page.context.close()


@pytest.mark.parametrize(
    "change", [{}, {"activation": "selu", "batch_norm": True}, {"kernel": 3}, {"kernel": 5}], ids=str
)
def test_the_decoder_of_the_page_is_pytorch_s(browser: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    """Within one grey level, with weights of 16 bits."""
    torch = pytest.importorskip("torch")
    from zpoints.config import AutoencoderSettings, TrainingSettings
    from zpoints.models.autoencoder.codec import NetworkCodec
    from zpoints.models.autoencoder.network import Architecture, Autoencoder
    from zpoints.system.device import Device

    torch.manual_seed(0)
    settings = AutoencoderSettings(latent=6, channels=(8, 16, 12), **change)
    network = Autoencoder(Architecture.of((30, 26, 3), settings))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    codec = NetworkCodec(network, Device.of(TrainingSettings(device="cpu", precision="float32")))
    z = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)
    page = opened(browser, export_page(open_space(z, codec=codec), tmp_path / "page.html").as_uri())
    with page.expect_download() as waiting:
        page.evaluate(
            """async (z) => {
              const { saved } = await import("zpoints/parts");
              const pictures = await window.zpointsSource.decode(z.map((one) => Float32Array.from(one)));
              const all = new Uint8Array(pictures.length * pictures[0].data.length);
              pictures.forEach((picture, k) => all.set(picture.data, k * picture.data.length));
              saved(all, "all.bin", "application/octet-stream");
            }""",
            z.tolist(),
        )
    found = np.frombuffer(waiting.value.path().read_bytes(), np.uint8).reshape(1000, 30, 26, 4)[..., :3]
    expected = codec.decode(z)
    assert expected.std() > 10
    assert np.abs(found.astype(int) - expected).max() <= 1
    page.context.close()
