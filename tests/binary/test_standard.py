"""Which packages are certain to be Go's own."""

from __future__ import annotations

import pytest

from sey.binary.buildinfo import BuildInfo, Module, parse_version
from sey.binary.standard import is_standard, standard_packages
from tests.support.gobuild import RELEASES
from tools.standard import packages


def built(release: str, main: str = "", *dependencies: str) -> BuildInfo:
    version = parse_version(f"go{release}")
    assert version is not None
    module = Module(main, "(devel)") if main else None
    return BuildInfo(version, "main", module, tuple(Module(path, "v1.0.0") for path in dependencies), {})


@pytest.mark.parametrize(
    ("package", "build", "certain"),
    [
        ("log", built("1.26.8"), True),
        ("net/http", built("1.26.8", "github.com/acme/shop"), True),
        ("vendor/golang.org/x/net/http2/hpack", built("1.26.8"), True),
        ("golang.org/x/net/http2/hpack", built("1.26.8"), False),
        ("log/audit", built("1.26.8"), False),
        ("text", built("1.26.8"), False),
        ("text/users", built("1.26.8", "text"), False),
        ("text/template", built("1.26.8", "text"), False),
        ("weak", built("1.23.12"), False),
        ("weak", built("1.24.0"), True),
        ("weak", built("1.26.8", "main.example", "weak"), False),
        ("internal/itoa", built("1.25.1"), True),
        ("internal/itoa", built("1.26.1"), False),
        ("internal/itoa", built("1.99.0"), False),
        ("log", built("1.99.0"), True),
        ("log", built("2.26.0"), False),
        ("main", built("1.26.8"), False),
        ("", built("1.26.8"), False),
    ],
)
def test_only_exact_packages_of_the_release_are(package: str, build: BuildInfo, certain: bool) -> None:
    assert is_standard(package, build) == certain


@pytest.mark.parametrize(
    "release", [pytest.param(each, marks=() if each == "1.26" else pytest.mark.matrix) for each in RELEASES]
)
def test_the_table_says_what_the_release_says(release: str) -> None:
    known, build = set(packages(release)), built(release)
    certain = {package for package in standard_packages() if is_standard(package, build)}
    # One was gone for a while.
    assert certain <= known <= certain | {"vendor/golang.org/x/crypto/hkdf"}
