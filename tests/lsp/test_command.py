"""What `sey lsp` is besides the protocol, and what is written about it."""

from __future__ import annotations

import re
import subprocess
import sys

from sey.lsp.binaries import named_in
from sey.lsp.text import Lines, normalized
from tests.support.gobuild import ROOT


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=60)


def test_without_its_packages_the_command_says_what_to_install() -> None:
    done = python(
        "import sys; sys.modules['lsprotocol'] = None;"  # as if it weren't there
        "from sey.cli.main import main; sys.exit(main(['lsp']))"
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error[SEY0904]: ")
    assert "pip install 'sey[lsp]'" in done.stderr


def test_it_ends_with_its_input() -> None:
    done = python("import sys; from sey.cli.main import main; sys.exit(main(['lsp']))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_help_does_not_load_it() -> None:
    done = python(
        "import sys; from sey.cli.main import main; main(['lsp', '--help']);"
        "print(sorted({'pygls', 'lsprotocol', 'lark', 'numpy', 'sey.lsp'} & set(sys.modules)))"
    )
    assert done.stdout.endswith("[]\n")
    assert "`# binary: ./bin/shop`" in " ".join(done.stdout.split())


def test_binaries_are_named_by_comments_at_the_top() -> None:
    readme = (ROOT / "editors" / "vscode" / "README.md").read_text()
    (example,) = re.findall(r"^```sey\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert named_in(example) == ("../bin/shop",)
    assert named_in("\n# About.\n#binary: a, b/*.out\n# binary : c\n") == ("a", "b/*.out", "c")
    assert named_in('func "f" { }\n# binary: a\n') == ()
    assert named_in("# binary:\n") == ()


def test_offsets_to_places_and_back() -> None:
    text = normalized("\ufeffa𝒳\r\né\rend")
    for encoding, places in (("utf-16", (0, 1, 3)), ("utf-8", (0, 1, 5)), ("utf-32", (0, 1, 2))):
        lines = Lines(text, encoding)
        assert tuple(lines.position(offset).character for offset in range(3)) == places
        for offset in range(len(text) + 1):
            assert lines.offset(*lines.position(offset)) == offset
    lines = Lines(text)
    assert lines.offset(0, 2) == 1  # in the middle of a character
    assert lines.position(text.index("end")) == (2, 0)
    assert (lines.offset(0, 99), lines.offset(99, 0)) == (2, len(text))
