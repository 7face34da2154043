"""Eligibility frameworks: what makes a family eligible, as dated reference data, one TOML file for each version.

A file is named CODE-VERSION.toml; its version is the year and month of the document that it comes from. A new version
is a new file; the old ones stay, because finished cohorts name them.
"""

import tomllib
from functools import cache
from pathlib import Path

from cohorts.rules.facts import Framework, Indicator

_FOLDER = Path(__file__).parent


def codes() -> tuple[str, ...]:
    """The codes of all frameworks, in order."""
    return tuple(sorted(_files()))


def versions(code: str) -> tuple[str, ...]:
    """The versions of a framework, the newest first; none where there is no such framework."""
    return tuple(sorted(_files().get(code, ()), reverse=True))


def indicator_codes() -> frozenset[str]:
    """The codes of all indicators, of every version of every framework: what evidence may name."""
    return frozenset(
        indicator
        for code, versions in _files().items()
        for version in versions
        for indicator in load(code, version).indicators
    )


def load(code: str, version: str | None = None) -> Framework:
    """A framework by its code, in the version asked for or the newest.

    Raises LookupError, with a sentence for the user, where there is none.
    """
    versions = _files().get(code)
    if versions is None:
        raise LookupError(f"There is no framework {code}: there are {', '.join(codes())}.")
    chosen = max(versions) if version is None else version
    if chosen not in versions:
        raise LookupError(f"There is no version {chosen} of framework {code}: there are {', '.join(sorted(versions))}.")
    return _read(versions[chosen])


@cache
def _files() -> dict[str, dict[str, Path]]:
    files: dict[str, dict[str, Path]] = {}
    for path in _FOLDER.glob("*.toml"):
        code, _, version = path.stem.partition("-")
        files.setdefault(code, {})[version] = path
    return files


@cache
def _read(path: Path) -> Framework:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    headlines = data["headlines"]
    indicators = [
        Indicator(it["code"], headline, it["text"], it.get("look_back_months"), it["clause"])
        for headline, content in headlines.items()
        for it in content["indicators"]
    ]
    return Framework(
        code=data["code"],
        version=data["version"],
        name=data["name"],
        minimum=data["minimum"],
        counting_unit=data["counting_unit"],
        headlines={headline: content["title"] for headline, content in headlines.items()},
        indicators={indicator.code: indicator for indicator in indicators},
    )
