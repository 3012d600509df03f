"""The language server as an editor has it: `sey lsp`, spoken to over its pipes, about a real binary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.editor import Editor, editor, marked
from tests.support.gobuild import TARGETS, build

SOURCE = TARGETS / "many" / "main.go"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def speaker(folder: Path) -> Iterator[Editor]:
    with editor() as started:
        started.start(folder, initializationOptions={"binaries": [str(build("many"))]})
        yield started


@pytest.fixture
def uri(speaker: Editor, folder: Path) -> str:
    """A document that nothing is known of yet."""
    uri = (folder / f"spec{len(speaker.versions)}.sey").as_uri()
    speaker.open(uri, "")
    return uri


def codes(found: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in found]


def text_of(range_: dict[str, Any], text: str) -> str:
    """What a range of one line covers, of a text whose characters are all one unit long."""
    line: str = text.split("\n")[range_["start"]["line"]]
    return line[range_["start"]["character"] : range_["end"]["character"]]


# Diagnostics


def test_problems_appear_and_go_as_the_text_changes(speaker: Editor, uri: str) -> None:
    text = 'func "main.reqest" { id }\nfunc "main.request" as r { nme, job.Prio }\n'
    function, variable, field = speaker.changed(uri, text)
    assert codes([function, variable, field]) == ["SEY0201", "SEY0202", "SEY0203"]
    assert [text_of(one["range"], text) for one in (function, variable, field)] == ['"main.reqest"', "nme", "Prio"]
    assert function["severity"] == 1
    assert function["message"].endswith("help: did you mean `main.request`?")
    assert speaker.changed(uri, 'func "main.request" as r { name, job.Priority }\n') == []


def test_half_typed_text_is_a_syntax_problem_at_its_place(speaker: Editor, uri: str) -> None:
    whole = 'func "main.request" as r when id > 2 { job.Tags[1] as t { max_items 3 } }\ntable x = """select"""\n'
    assert speaker.changed(uri, whole) == []
    for end in range(1, len(whole), 7):
        found = speaker.changed(uri, whole[:end])
        assert all(one["code"] for one in found)
    (unknown,) = speaker.changed(uri, "fnc")
    assert (unknown["code"], text_of(unknown["range"], "fnc")) == ("SEY0113", "fnc")


def test_a_related_place_is_told(speaker: Editor, uri: str) -> None:
    text = 'func "main.request" as r { id, name as id }\n'
    (twice,) = speaker.changed(uri, text)
    (related,) = twice["relatedInformation"]
    assert related["location"]["uri"] == uri
    assert text_of(related["location"]["range"], text) == "id"
    assert twice["range"]["start"]["character"] > related["location"]["range"]["start"]["character"]


def test_positions_count_in_utf16(speaker: Editor, uri: str) -> None:
    (found,) = speaker.changed(uri, 'func "main.request" as r { id }  # 𝒳\ntable t = "𝒳𝒳" fnc "é"\n')
    assert found["range"] == {"start": {"line": 1, "character": 17}, "end": {"line": 1, "character": 20}}
    assert speaker.at("hover", uri, 0, 6)


def test_other_line_endings_count_as_the_editor_counts(speaker: Editor, uri: str) -> None:
    (found,) = speaker.changed(uri, 'func "main.request" as r {\r\n  id\r\n  nme\r\n}\r\n')
    assert found["range"] == {"start": {"line": 2, "character": 2}, "end": {"line": 2, "character": 5}}


def test_open_imports_come_before_files_and_get_their_own_problems(speaker: Editor, folder: Path) -> None:
    (folder / "part.sey").write_text('func "main.request" as r { id }\n')
    main, part = (folder / "main.sey").as_uri(), (folder / "part.sey").as_uri()
    assert speaker.open(main, 'import "part.sey"\ncolumn r.twice int = "id * 2"\n') == []
    assert speaker.open(part, 'func "main.request" as r { nme }\n') != []
    # The importer is checked again as well, with what the editor has.
    assert codes(speaker.changed(part, 'func "main.request" as r { oops }\n')) == ["SEY0202"]
    assert speaker.changed(part, 'func "main.request" as r { name }\n') == []
    assert codes(speaker.changed(main, 'import "none.sey"\n')) == ["SEY0122"]


def test_a_problem_of_a_file_that_is_not_open_is_told_for_that_file(speaker: Editor, folder: Path, uri: str) -> None:
    (folder / "broken.sey").write_text('\nfunc "main.request" as b { nme }\n')
    broken = (folder / "broken.sey").as_uri()
    assert speaker.changed(uri, 'import "broken.sey"\n') == []
    (found,) = speaker.diagnostics(broken)
    assert (found["code"], found["range"]["start"]["line"]) == ("SEY0202", 1)
    speaker.changed(uri, "")
    assert speaker.diagnostics(broken) == []


def test_a_comment_names_the_binary(speaker: Editor, folder: Path, uri: str) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "shop").symlink_to(build("values"))
    text = '# binary: bin/*\nfunc "main.request" { id }\n'
    (lacking,) = speaker.changed(uri, text)
    assert (lacking["code"], "bin/shop" in lacking["message"]) == ("SEY0201", True)
    (nowhere,) = speaker.changed(uri, text.replace("bin/*", "bin/none"))
    assert (nowhere["code"], nowhere["range"]["start"]) == ("SEY0251", {"line": 0, "character": 0})


def test_several_binaries_are_told_apart(speaker: Editor, uri: str) -> None:
    head = f"# binary: {build('many')}, {build('values')}\n"
    both, one = speaker.changed(uri, head + 'func "os.(*File).Read" { nme }\nfunc "main.request" { id }\n')
    assert (both["code"], one["code"]) == ("SEY0202", "SEY0201")
    assert "only" not in both["message"]
    assert f"of {build('values')} only" in one["message"]


# Completion


def offered(speaker: Editor, uri: str, text: str) -> list[str]:
    """The labels offered at the mark `|`, or at the end."""
    text, line, character = marked(text if "|" in text else text + "|")
    speaker.changed(uri, text)
    return [item["label"] for item in speaker.at("completion", uri, line, character)["items"]]


def test_names_in_quotes(speaker: Editor, uri: str) -> None:
    assert offered(speaker, uri, 'func "main.re') == ["main.request"]
    assert offered(speaker, uri, 'func glob "andleE|" { }')[0] == "main.handleEven"
    assert offered(speaker, uri, 'global "main.for') == ["main.forever"]
    assert offered(speaker, uri, 'type "main.J') == ["main.Job"]
    assert offered(speaker, uri, 'func "fmt.Fprintf" { w.("*os.Fi') == ["*os.File", "*os.file"]
    assert "lib/http.sey" in offered(speaker, uri, 'import "lib/')
    assert offered(speaker, uri, 'table x = "sel') == []


def test_a_long_list_is_cut_and_says_so(speaker: Editor, uri: str) -> None:
    speaker.changed(uri, 'func "')
    found = speaker.at("completion", uri, 0, 6)
    assert found["isIncomplete"]
    assert len(found["items"]) == 200


def test_what_is_typed_is_replaced(speaker: Editor, uri: str) -> None:
    text, line, character = marked('func "main.req|" { id }')
    speaker.changed(uri, text)
    (item,) = speaker.at("completion", uri, line, character)["items"]
    start, end = ({"line": 0, "character": at} for at in (6, 14))
    assert item["textEdit"] == {"range": {"start": start, "end": end}, "newText": "main.request"}


def test_variables_and_fields_of_a_body(speaker: Editor, uri: str) -> None:
    head = 'func "main.request" as r { id, '
    assert offered(speaker, uri, head)[:5] == ["depth", "path", "id", "name", "job"]
    assert offered(speaker, uri, head + "job.") == ["Priority", "Customer", "Tags"]
    assert offered(speaker, uri, head + "(*job).Cu|stomer as c }") == ["Customer"]
    assert offered(speaker, uri, 'func "main.request" when job.') == ["Priority", "Customer", "Tags"]
    # Those of an embedded pointer's struct are the struct's own.
    assert "pfd" in offered(speaker, uri, 'func "os.(*File).Read" { f.')
    assert "pfd" in offered(speaker, uri, 'func "fmt.Fprintf" { w.(*os.File).')
    assert offered(speaker, uri, "type main.Job { Cus") == ["Customer"]
    assert offered(speaker, uri, head + "job as ") == []


def test_a_variable_says_its_type_and_where_it_can_be_had(speaker: Editor, uri: str) -> None:
    text, line, character = marked('func "main.request" { jo| }')
    speaker.changed(uri, text)
    (item,) = speaker.at("completion", uri, line, character)["items"]
    assert item["detail"] == "*main.Job"
    told = speaker.ask("completionItem/resolve", item)["documentation"]["value"]
    assert "job *main.Job  // parameter" in told
    assert "whole function" in told


def test_words_of_the_language_where_they_fit(speaker: Editor, uri: str) -> None:
    from sey.frontend.build import LIMITS, RULES
    from sey.frontend.layout import STATEMENTS

    assert set(offered(speaker, uri, 'func "main.request" { id }\n')) == set(STATEMENTS)
    assert offered(speaker, uri, "gl") == ["global"]
    assert offered(speaker, uri, 'func "main.request" ') == ["as", "in", "when"]
    assert offered(speaker, uri, 'func "main.request" { job { ') == list(LIMITS)
    assert offered(speaker, uri, "program p { ") == list(RULES)
    assert offered(speaker, uri, 'func "fmt.Fprintf" { w.(*os.Fi') == ["File", "file"]
    assert offered(speaker, uri, "func # as") == []
    assert offered(speaker, uri, "redact ") == ["type", "tag"]
    tagged = build("tags", package="./server")
    assert offered(speaker, uri, f'# binary: {tagged}\nredact tag "s') == ["sensitive"]
    assert "main.Job" in offered(speaker, uri, 'redact type "main.')
    assert offered(speaker, uri, "context { value(main.J") == ["Job"]


def test_events(speaker: Editor, uri: str) -> None:
    assert offered(speaker, uri, "event slow ") == ["on"]
    assert offered(speaker, uri, "event slow on ") == ["entry", "return", "line"]
    assert offered(speaker, uri, 'event slow on return "main.re') == ["main.request"]
    assert offered(speaker, uri, 'event slow on entry glob "andleE|" { }')[0] == "main.handleEven"
    assert offered(speaker, uri, 'event slow on return "main.request" ') == [
        "in", "when", "limit", "for", "sample", "stack",
    ]  # fmt: skip
    assert offered(speaker, uri, 'event slow on return "main.request" limit 5/') == ["ms", "s", "m", "h"]
    names = offered(speaker, uri, 'event slow on return "main.request" when id > 1 { ')
    assert {"id", "name", "job", "duration"} <= set(names)
    assert offered(speaker, uri, 'event slow on entry "main.handleEven" { go') == []
    assert offered(speaker, uri, 'event slow on entry "main.request" { job.') == ["Priority", "Customer", "Tags"]
    whole = 'event slow on return "main.request" when duration > 1s { job.Customer as c, id }\n'
    assert speaker.changed(uri, whole) == []
    assert "slow" in offered(speaker, uri, whole + "column ")
    assert codes(speaker.changed(uri, whole.replace("id }", "got, ni }"))) == ["SEY0202", "SEY0202"]
    assert "how long the call took" in told(speaker, uri, whole.replace("duration", "dura|tion"))
    assert "id int  // parameter" in told(speaker, uri, whole.replace("id }", "i|d }"))
    assert f"{SOURCE}:41" in told(speaker, uri, whole.replace("main.req", "main.|req"))
    assert "column `c` VARCHAR" in told(speaker, uri, whole.replace("as c", "as c|"))
    assert places(speaker, uri, whole + 'column sl|ow.x int = "1"') == [(uri, 0)]


def test_lines(speaker: Editor, uri: str) -> None:
    assert offered(speaker, uri, 'event l on line "many/ma') == ["many/main.go:"]
    assert "many/main.go:101" in offered(speaker, uri, 'event l on line "many/main.go:10')
    assert offered(speaker, uri, 'event l on line "none/main.go:1') == []
    names = offered(speaker, uri, 'event l on line "many/main.go:101" when i > 3 { ')
    assert {"i", "job", "n"} <= set(names)
    assert "duration" not in names
    assert "i" not in offered(speaker, uri, 'event l on line "many/main.go:83" { ')
    whole = 'event l on line "many/main.go:101" { i|, job.Customer as c }\n'
    assert "i int  // local" in told(speaker, uri, whole)


def test_tables_and_programs(speaker: Editor, uri: str) -> None:
    head = 'program p { pid 1 }\nfunc "main.request" as r { id as number }\n'
    assert "r" in offered(speaker, uri, head + "column ")
    assert offered(speaker, uri, head + "link l: r(nu") == ["number"]
    assert offered(speaker, uri, head + 'func "main.main" in ') == ["p"]


# Hover, definition, formatting


def told(speaker: Editor, uri: str, text: str) -> str:
    text, line, character = marked(text)
    speaker.changed(uri, text)
    found = speaker.at("hover", uri, line, character)
    return "" if found is None else str(found["contents"]["value"])


def test_hover(speaker: Editor, uri: str) -> None:
    function = told(speaker, uri, 'func "main.re|quest" { id }')
    assert f"{SOURCE}:41" in function
    assert "1 time as a function of its own" in function
    assert "id int  // parameter" in told(speaker, uri, 'func "main.request" { i|d }')
    assert "whole function" in told(speaker, uri, 'func "main.request" { i|d }')
    field = told(speaker, uri, 'func "main.request" { job.Custo|mer }')
    assert "Customer string" in field
    assert "at byte 8 of `main.Job`" in field
    assert "column `c` VARCHAR" in told(speaker, uri, 'func "main.request" { job.Customer as c| }')
    assert "Tags [4]uint32  // at 24" in told(speaker, uri, "type main.J|ob { Tags }")
    assert "main.Job struct" in told(speaker, uri, 'func "fmt.Fprintf" { w.(*main.J|ob) }')
    assert "var main.forever chan int" in told(speaker, uri, 'global "main.fore|ver"')
    assert "`main.handleOdd`" in told(speaker, uri, 'func glob "main.handle*|" { id }')
    assert told(speaker, uri, 'func "main.no|ne" { id }') == ""
    assert told(speaker, uri, "func |") == ""


def places(speaker: Editor, uri: str, text: str) -> list[tuple[str, int]]:
    text, line, character = marked(text)
    speaker.changed(uri, text)
    found = speaker.at("definition", uri, line, character)
    return [(one["uri"], one["range"]["start"]["line"]) for one in found]


def test_definition(speaker: Editor, folder: Path, uri: str) -> None:
    assert places(speaker, uri, 'func "main.re|quest" { id }') == [(SOURCE.as_uri(), 40)]
    assert SOURCE.read_text().split("\n")[40].startswith("func request(")
    ((file, line),) = places(speaker, uri, 'func "main.handleEven" { go|t }')
    assert (file, SOURCE.read_text().split("\n")[line].strip()) == (SOURCE.as_uri(), "got := 0")
    assert places(speaker, uri, 'func "main.request" as r { id }\ncolumn r|.x int = "1"') == [(uri, 0)]
    assert places(speaker, uri, '\nprogram p { pid 1 }\nfunc "main.request" in p| { id }') == [(uri, 1)]
    (folder / "other.sey").write_text('\nfunc "main.request" as mine { id }\n')
    other = (folder / "other.sey").as_uri()
    assert places(speaker, uri, 'import "oth|er.sey"') == [(other, 0)]
    assert places(speaker, uri, 'import "other.sey"\ncolumn mi|ne.x int = "1"') == [(other, 1)]
    ((library, _),) = places(speaker, uri, 'import "lib/ht|tp.sey"')
    assert library.endswith("/lib/http.sey")
    assert places(speaker, uri, 'func "main.none|" { id }') == []


def test_formatting(speaker: Editor, uri: str) -> None:
    speaker.changed(uri, 'func   "main.request" { id,\n   name }')
    options = {"textDocument": {"uri": uri}, "options": {"tabSize": 2, "insertSpaces": True}}
    (edit,) = speaker.ask("textDocument/formatting", options)
    assert edit["newText"] == 'func "main.request" {\n  id\n  name\n}\n'
    assert edit["range"]["end"] == {"line": 1, "character": 9}
    speaker.changed(uri, edit["newText"])
    assert speaker.ask("textDocument/formatting", options) is None
    speaker.changed(uri, "func {")
    assert speaker.ask("textDocument/formatting", options) is None


# Whatever an editor sends


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff# a mark",
        'func "main.request" { \ud83d }',
        "{" * 5000,
        'func "main.request" { ' + "(" * 3000,
        'func "main.request" { ' + "job." * 3000,
        "\0\1\2",
        "# " + "x" * (300 << 10),
        '""" never ends\n' * 3,
        "a\rb\u2028c\u0085d {",
        '# binary: \0, ~nobody/x, /dev/zero, "\n',
        'func "\\xff\\xfe" { id }',
    ],
    ids=range(12),
)
def test_hostile_text(speaker: Editor, uri: str, text: str) -> None:
    speaker.changed(uri, text)
    for line, character in ((0, 0), (0, 23), (0, 10**9), (10**9, 0), (1, 3)):
        for method in ("completion", "hover", "definition"):
            speaker.at(method, uri, line, character)
    # It still answers.
    assert codes(speaker.changed(uri, 'func "main.request" { nme }')) == ["SEY0202"]


def test_a_document_that_is_not_open_has_no_answers(speaker: Editor) -> None:
    assert speaker.at("hover", "file:///no/such.sey", 0, 0) is None
    assert speaker.at("completion", "untitled:x", 0, 0) is None


def test_a_flood_of_changes_ends_with_the_last(speaker: Editor, uri: str) -> None:
    for number in range(200):
        speaker.change(uri, f'func "main.request" {{ nme{number} }}')
    (found,) = speaker.diagnostics(uri)
    assert "nme199" in found["message"]


def test_a_folder_joins_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "server").symlink_to(build("many"))
    with editor() as speaker:
        speaker.start(tmp_path / "empty", initializationOptions={"binaries": ["server"]})
        assert codes(speaker.open("untitled:a", 'func "main.request" { nme }')) == ["SEY0251"]
        added = {"uri": tmp_path.as_uri(), "name": "more"}
        speaker.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [added], "removed": []}})
        assert codes(speaker.diagnostics("untitled:a")) == ["SEY0202"]


def test_without_a_binary_only_the_syntax_is_checked(tmp_path: Path) -> None:
    uri = "untitled:Untitled-1"
    with editor() as speaker:
        speaker.start(tmp_path)
        assert speaker.open(uri, 'func "no.such" { x }') == []
        assert codes(speaker.changed(uri, 'func "no.such" { x')) == ["SEY0109"]
        # One that is chosen in the settings counts at once, and again when it is built anew.
        built = tmp_path / "built"
        built.write_bytes(b"not yet")
        speaker.changed(uri, 'func "main.request" { x }')
        speaker.notify("workspace/didChangeConfiguration", {"settings": {"sey": {"binaries": ["built"]}}})
        assert codes(speaker.diagnostics(uri)) == ["SEY0403"]
        built.unlink()
        assert codes(speaker.diagnostics(uri)) == ["SEY0251"]
        built.symlink_to(build("many"))
        assert codes(speaker.diagnostics(uri)) == ["SEY0202"]
