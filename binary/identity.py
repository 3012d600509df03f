"""Which build a file is: the key of caches, and what a bundle is checked against before it touches a process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sey.binary.elf import ElfFile
from sey.binary.remembered import remembered

_CHUNK = 1 << 24


@dataclass(frozen=True)
class Identity:
    """The identity of one build. Two files are the same build exactly if all four fields are equal.

    `go_build_id` and `gnu_build_id` are empty where the file has none. Neither alone is enough: the Go id survives
    `strip` and is constant under `-ldflags=-buildid=`, and either may be set by hand. `content` is a SHA-256 in hex:
    of the headers and the section table where the Go id already covers the contents (its fourth part is a hash of the
    whole executable, cmd/go/internal/work/buildid.go), and of every byte of the file otherwise.
    """

    go_build_id: str
    gnu_build_id: str
    content: str
    size: int

    @property
    def key(self) -> str:
        """40 hex digits over all fields, for file names of caches."""
        text = "\0".join((self.go_build_id, self.gnu_build_id, self.content, str(self.size)))
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def __str__(self) -> str:
        """For people: the ids as other tools print them, shortened."""
        ids = (("go build id", self.go_build_id[-20:]), ("gnu build id", self.gnu_build_id))
        known = "".join(f"{name} {value}, " for name, value in ids if value)
        return f"{known}content {self.content[:16]}, {self.size} bytes"

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values; `from_json` is the inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Identity:
        """Raises KeyError or ValueError where a field is missing or of another type."""
        texts = fields["go_build_id"], fields["gnu_build_id"], fields["content"]
        size = fields["size"]
        if not all(isinstance(text, str) for text in texts) or not isinstance(size, int):
            raise ValueError("an identity has three texts and a size")
        go_id, gnu_id, content = texts
        return cls(go_id, gnu_id, content, size)


def identity(elf: ElfFile) -> Identity:
    """The identity of an open executable. Reads the whole file only where it has no Go build id. Raises SeyError."""
    go_id = (elf.note(".note.go.buildid", b"Go") or b"").decode("ascii", "replace")
    gnu_id = (elf.note(".note.gnu.build-id", b"GNU") or b"").hex()
    content = _header_hash(elf) if _covers_contents(go_id) else _file_hash(elf)
    return Identity(go_id, gnu_id, content, len(elf.view))


def _covers_contents(go_build_id: str) -> bool:
    """Only `go build` and `go install` write ids of four parts; `go tool link` and -buildid= leave others."""
    parts = go_build_id.split("/")
    return len(parts) == 4 and all(len(part) >= 20 for part in parts)


def _header_hash(elf: ElfFile) -> str:
    digest = hashlib.sha256(elf.header)
    digest.update(elf.program_headers)
    digest.update(elf.section_headers)
    return digest.hexdigest()


def _file_hash(elf: ElfFile) -> str:
    return remembered(elf.stamp, "sha256", lambda: _hash_file(elf).encode()).decode()


def _hash_file(elf: ElfFile) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(elf.view), _CHUNK):
        digest.update(elf.view[start : start + _CHUNK])
    return digest.hexdigest()
