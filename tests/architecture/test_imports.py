"""What an import contract cannot see: what a plain module really loads, references in strings, clocks, long files."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent
PACKAGES = ("connecting_families", "cohorts", "transfers")
PLAIN = ("cohorts/rules", "cohorts/frameworks", "transfers/rules", "transfers/envelope.py", "transfers/package.py",
         "transfers/keys.py")  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "localtime", "localdate", "time", "time_ns"}
LONGEST = 400


@cache
def files(package: str) -> tuple[Path, ...]:
    """The Python files of a package, migrations apart."""
    found = (path for path in (HOME / package).rglob("*.py") if "migrations" not in path.parts)
    return tuple(sorted(found))


def everything() -> list[Path]:
    return [path for package in PACKAGES for path in files(package)]


def name_of(path: Path) -> str:
    """As it is imported."""
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def plain_modules() -> list[str]:
    found = [HOME / part for part in PLAIN]
    return [name_of(path) for part in found for path in ([part] if part.is_file() else sorted(part.rglob("*.py")))]


def loaded_with(*modules: str) -> set[str]:
    """The packages that are loaded when these modules are, in a process of their own."""
    say = f"import {', '.join(modules)}, sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", say], cwd=HOME, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_plain_modules_load_neither_django_nor_celery() -> None:
    modules = plain_modules()
    assert {"cohorts.rules.objection", "transfers.rules.lifecycle", "transfers.keys"} <= set(modules)
    loaded = loaded_with(*modules)
    assert {"cohorts", "transfers"} <= loaded
    assert not loaded & {"django", "celery", "kombu", "environ", "psycopg", "auditlog", "pgtrigger"}


def test_the_search_above_would_see_django() -> None:
    assert "django" in loaded_with("transfers.rules.lifecycle", "django")


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """What a file imports, and every string in it which is not a docstring, with the line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, f"{node.module}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield node.lineno, node.value


@pytest.mark.parametrize(
    ("package", "above"),
    [
        ("cohorts", "transfers"),
        ("cohorts", "connecting_families.governance"),
        ("transfers", "connecting_families.governance"),
        ("connecting_families/staff", "cohorts"),
        ("connecting_families/staff", "transfers"),
        ("connecting_families/audit", "cohorts"),
        ("connecting_families/audit", "transfers"),
        ("connecting_families/audit", "connecting_families.staff"),
    ],
)
def test_nobody_names_what_stands_above(package: str, above: str) -> None:
    named = re.compile(rf"(^|[^\w.]){re.escape(above)}([._]|$)")
    found = [
        f"{name_of(path)}:{line}" for path in files(package) for line, text in names_in(path) if named.search(text)
    ]
    assert found == []


def test_a_reference_in_a_string_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text('"""About transfers."""\nfrom a import b\nx = Key("transfers.Submission")\n')
    assert list(names_in(tmp_path / "m.py")) == [(2, "a"), (3, "transfers.Submission")]


def where_the_clock_is_read() -> list[str]:
    """The patterns of files for which pyproject.toml says so."""
    ruff = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    return [
        each for pattern, rules in ruff["per-file-ignores"].items() if "TID251" in rules for each in one_by_one(pattern)
    ]


def one_by_one(pattern: str) -> list[str]:
    """A pattern with {a,b} as two."""
    braces = re.search(r"\{([^}]*)\}", pattern)
    if braces is None:
        return [pattern]
    return [pattern[: braces.start()] + each + pattern[braces.end() :] for each in braces[1].split(",")]


def clocks_in(path: Path) -> list[int]:
    """The lines where a file asks what time it is."""
    modules = {"timezone", "datetime", "date", "time", "dt"}
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCKS
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr) in modules
    ]


def test_the_clock_is_read_where_the_house_says_and_nowhere_else() -> None:
    allowed = where_the_clock_is_read()
    reading = {str(path.relative_to(HOME)): lines for path in everything() if (lines := clocks_in(path))}
    assert {"connecting_families/commands.py", "cohorts/tasks.py", "transfers/tasks.py"} <= reading.keys()
    elsewhere = [path for path in reading if not any(fnmatch(path, pattern) for pattern in allowed)]
    assert elsewhere == []


def test_a_clock_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("timezone.now()\ndatetime.datetime.now()\ndate.today()\ntime.monotonic()\n")
    assert clocks_in(tmp_path / "m.py") == [1, 2, 3]


def test_no_file_is_two_rooms() -> None:
    long = {str(path.relative_to(HOME)): lines for path in everything() if (lines := lines_of(path)) > LONGEST}
    assert long == {}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_room_is_named_after_nothing() -> None:
    nothing = re.compile(r"util|helper|manager|misc|data\d")
    assert [name_of(path) for path in everything() if nothing.search(path.stem)] == []
