"""The services of docker-compose.yml as processes of this machine: the same commands, settings and secrets.

What a container has of its own is put in the place of what lies here: folders, addresses of the two servers, ports.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HOME = Path(__file__).parent.parent.parent
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}|\$\$")


def described() -> dict[str, Any]:
    """The file as it is written, anchors resolved."""
    found: dict[str, Any] = YAML(typ="safe").load(HOME / "docker-compose.yml")
    return found


def put_in(text: str, variables: dict[str, str]) -> str:
    """Compose's own ${NAME}, ${NAME:-otherwise}, ${NAME:?why} and $$. Raises KeyError for one that must be set."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, how, rest = found.groups()
        return variables.get(name) or (rest if how == "-" else variables[name])

    return VARIABLE.sub(value, text)


def instructions(of: str) -> list[str]:
    """What the last stage of the Dockerfile, or the one of this name, is told with ENV and RUN; lines joined."""
    text = (HOME / "Dockerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    (stage,) = [each for each in stages if re.match(rf"\S+ AS {of}\n", each)] if of else stages[-1:]
    return [line for line in stage.splitlines() if line.startswith(("ENV ", "RUN "))]


def image_settings() -> dict[str, str]:
    """The settings that the image brings along."""
    words = [word for line in instructions("") if line.startswith("ENV ") for word in line.split()[1:]]
    return {name: value for name, _, value in (word.partition("=") for word in words) if name.startswith("CF_")}


def variables_in(path: Path) -> dict[str, str]:
    """NAME=VALUE, a line each, as Compose reads such a file; marks around a value are not part of it."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value.strip("'\"") for name, _, value in (line.partition("=") for line in lines)}


class Services:
    """The services, each started as a process where a test asks for it."""

    def __init__(self, here: dict[str, str], variables: dict[str, str], programs: str, log: Path) -> None:
        """`here`: what stands in a container, and what stands for it on this machine; `programs`: the two servers'."""
        self.file, self._variables, self._programs, self._log = described(), variables, programs, log
        self._here, self._there = (
            here,
            re.compile(rf"({'|'.join(map(re.escape, sorted(here, key=len, reverse=True)))})(?!\w)"),
        )

    def here(self, text: str) -> str:
        """A word of the file as it is right on this machine."""
        return self._there.sub(lambda found: self._here[found[0]], put_in(text, self._variables))

    def environment(self, name: str) -> dict[str, str]:
        """What a service is told, and nothing of ours but where programs are."""
        said = self.file["services"][name].get("environment", {})
        path = f"{Path(sys.executable).parent}:{self._programs}:{os.environ['PATH']}"
        image = {key: self.here(value) for key, value in image_settings().items()}
        given: dict[str, str] = {}
        for each in self.file["services"][name].get("env_file", []):
            if (file := Path(put_in(each["path"], self._variables))).is_file():
                given |= variables_in(file)
        # Celery warns of root, whom a container does not have.
        return (
            {"PATH": path, "PYTHONWARNINGS": "ignore:You're running the worker"}
            | image
            | {key: self.here(value) for key, value in given.items()}
            | {key: self.here(str(value)) for key, value in said.items()}
        )

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """Start one, at its own command."""
        words = [self.here(word) for word in self.file["services"][name]["command"]]
        with (self._log / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                words, cwd=HOME, env=self.environment(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def collect(self) -> None:
        """What the image is built with: the static files under their long-lived names."""
        (line,) = [line for line in instructions("built") if "collectstatic" in line]
        command = line.removeprefix("RUN ").partition("&&")[0].replace("/environment/bin/python", sys.executable)
        environment = {"PATH": os.environ["PATH"]}
        subprocess.run(["sh", "-c", self.here(command)], cwd=HOME, env=environment, check=True, capture_output=True)

    def healthy(self, name: str) -> bool:
        """Whether its own check says so."""
        kind, *words = self.file["services"][name]["healthcheck"]["test"]
        words = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        words = [self.here(word) for word in words]
        done = subprocess.run(words, cwd=HOME, env=self.environment(name), capture_output=True, check=False)
        return done.returncode == 0

    def said(self, name: str) -> str:
        """What it wrote."""
        return (self._log / f"{name}.log").read_text(errors="replace")
