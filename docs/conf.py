"""How `make docs` builds the site: pages in Markdown, notebooks among them, and a reference read off the code.

Nothing is fetched when the pages are read: no fonts, no scripts, no pictures from elsewhere.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

import zpoints  # noqa: E402
from fingerprint import of_sources  # noqa: E402

project = "zpoints"
author = "the zpoints authors"
copyright = "the zpoints authors, Apache-2.0"
version = release = zpoints.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_design",
    "sphinx_copybutton",
    "sections",
    "mathml",
    "mermaid",
    "generated",
]
exclude_patterns = ["_build", "_extensions", "_static"]
default_role = "py:obj"  # `Analysis` in a docstring is a link where there is a page for it, else code

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist", "attrs_inline", "attrs_block"]
myst_dmath_allow_space = False
myst_dmath_allow_digits = False
myst_heading_anchors = 4

# Notebooks are executed in a folder of their own, and once for each version of their code and of zpoints' own.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["COLUMNS"] = "96"
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_execution_timeout = 900
nb_execution_cache_path = str(
    HERE.parent / "build" / "docs" / "executed" / of_sources(Path(zpoints.__file__).parent)
)
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"zpoints {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
myst_fence_as_directive = ["mermaid"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b7285", "color-brand-content": "#0b7285"},
    "dark_css_variables": {"color-brand-primary": "#66d9e8", "color-brand-content": "#66d9e8"},
}
pygments_style = "friendly"
pygments_dark_style = "native"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
