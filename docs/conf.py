"""The documentation as a site: `make docs` writes it to docs/_build.

The root of the sources is the repository's, so that README.md and CHANGELOG.md are pages too and every link between
pages is the one that a forge follows.
"""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

project = "Bayescaler"
author = "The Bayescaler authors"
copyright = author  # noqa: A001  # Sphinx' own name for it
language = "en"

extensions = ["myst_parser", "sphinx_copybutton"]
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = ["docs/**", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = ["docs/_build", ".*", "operator", "forecasting", "tests", "charts", "deploy", "crds", "out"]
templates_path = ["_templates"]

myst_heading_anchors = 4  # as forges make them
highlight_language = "none"  # an indented block is a command beside what it prints

html_theme = "furo"
html_title = "Bayescaler"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_docs.html"}
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

PICTURE = re.compile(r"^<!-- picture: (\w+) -->$", re.MULTILINE)
ALERTS = """
```{toctree}
:hidden:
:glob:

*
```
"""


def drawn(asked: re.Match[str]) -> str:
    """Draw a picture that a page asks for; only then is anything imported for it."""
    from pictures import picture  # noqa: PLC0415  # seconds of compiled kernels

    return f"```{{raw}} html\n{picture(asked[1])}\n```"


def complete(_: Any, page: str, source: list[str]) -> None:
    """Add what a forge cannot show: pictures made by the code, and the runbooks below their page in the navigation."""
    source[0] = PICTURE.sub(drawn, source[0])
    if page == "docs/runbooks/README":
        source[0] += ALERTS


def setup(app: Any) -> None:
    """Tell Sphinx of the above."""
    app.connect("source-read", complete)
