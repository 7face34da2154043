"""`docker compose`, as far as the pages use it: each service of docker-compose.yml is a process of this machine.

Called as `docker` by a page's commands. STAND_IN names a file that says what stands here for what a container has, and
where the log and the numbers of the processes are kept. A folder that a service does not mount is not there for it, so
that a command which is given to the wrong service fails here as it would there.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.deployment.compose import HOME, Services, described, variables_in

STARTED = ("broker", "web", "worker", "beat")
PATIENCE = 180.0


class Small(Services):
    """With one process for the pages, where production has two: each takes its time to start."""

    def environment(self, name: str) -> dict[str, str]:
        """What a service is told."""
        return super().environment(name) | {"CF_WEB_WORKERS": "1"}


class Machine:
    """What runs here."""

    def __init__(self, said: dict[str, Any]) -> None:
        """`said`: folder (of logs and numbers), folders and here (what stands for what), programs, sockets."""
        self.folder, self.said = Path(said["folder"]), said
        self.file = described()

    def services(self, name: str) -> Services:
        """The services as one of them sees this machine."""
        mounted = {each.split(":")[1] for each in self.file["services"][name].get("volumes", [])}
        folders = {
            path: here if path in mounted else f"{here}-not-mounted" for path, here in self.said["folders"].items()
        }
        variables = dict(os.environ)
        if path := variables.get("COMPOSE_ENV_FILES"):
            variables |= variables_in(Path(path))
        return Small(folders | self.said["here"], variables, self.said["programs"], self.folder / "log")

    def number(self, name: str) -> int:
        """The process of a service; 0 where it does not run."""
        try:
            number = int((self.folder / f"{name}.pid").read_text())
            os.kill(number, 0)
        except (OSError, ValueError):
            return 0
        return number

    def start(self, name: str) -> None:
        """Start it, if it does not run with the settings of now."""
        services = self.services(name)
        settings = json.dumps(services.environment(name), sort_keys=True) + _secrets(services.environment(name))
        kept = self.folder / f"{name}.settings"
        if self.number(name) and kept.read_text() == settings:
            return
        self.stop(name)
        words = [sys.executable, "-m", "tests.guides.docker", "--keep", name]
        kept.write_text(settings)
        subprocess.run(words, cwd=HOME, check=True)

    def keep(self, name: str) -> None:
        """Start it for good: it is nobody's child afterwards."""
        if os.fork():
            return
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        process = self.services(name).start(name)
        (self.folder / f"{name}.pid").write_text(str(process.pid))
        ended = process.wait()
        (self.folder / f"{name}.ended").write_text(str(ended))
        (self.folder / f"{name}.pid").unlink(missing_ok=True)

    def stop(self, name: str) -> None:
        """End it as its file says."""
        number = self.number(name)
        if not number:
            return
        how = self.file["services"][name].get("stop_signal", "SIGTERM")
        os.kill(number, signal.Signals[how])
        until = time.monotonic() + PATIENCE
        while self.number(name):
            if time.monotonic() > until:
                sys.exit(f"{name} does not end.")
            time.sleep(0.05)

    def run(self, name: str, words: list[str]) -> int:
        """A command in a service's own surroundings."""
        services = self.services(name)
        return subprocess.run(words, cwd=HOME, env=services.environment(name), check=False).returncode

    def migrate(self) -> None:
        """What is done at every start; in a new database its roles first."""
        roles = self.folder / "roles"
        if not roles.exists():
            services = self.services("migrate")
            script = services.here(services.file["configs"]["roles"]["content"])
            environment = services.environment("migrate") | {"PGHOST": self.said["sockets"]}
            subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=PATIENCE)
            roles.touch()
        if self.run("migrate", ["python", "manage.py", "migrate", "--no-input", "--verbosity", "0"]):
            sys.exit("The tables could not be made.")


def _secrets(environment: dict[str, str]) -> str:
    """The content of every file that settings name: a container that is made anew reads it anew."""
    found = [Path(value) for value in environment.values() if "/secrets/" in value]
    return "".join(path.read_text() for path in found if path.is_file())


def compose(machine: Machine, words: list[str]) -> int:
    """One command of `docker compose`."""
    act, *rest = words
    while "--volume" in rest:
        # A folder of this machine is here under its own name.
        place = rest.index("--volume")
        there, path = rest[place + 1].split(":")[:2]
        machine.said["here"][path] = there
        del rest[place : place + 2]
    names = [word for word in rest if not word.startswith("-")]
    if act == "build":
        machine.services("web").collect()
    elif act == "up":
        machine.migrate()
        if "--force-recreate" in rest:
            for name in names or STARTED[1:]:
                machine.stop(name)
        for name in names or STARTED:
            machine.start(name)
    elif act in ("stop", "down"):
        for name in names or reversed(STARTED):
            machine.stop(name)
    elif act == "start":
        for name in names:
            machine.start(name)
    elif act in ("run", "exec"):
        services = machine.services(names[0])
        given = rest[rest.index(names[0]) + 1 :] or machine.file["services"][names[0]]["command"]
        return machine.run(names[0], [services.here(word) for word in given])
    elif act == "cp":
        source, destination = names
        name, _, path = source.partition(":")
        shutil.copytree(machine.services(name).here(path), destination, dirs_exist_ok=True)
    elif act == "ps":
        for name in STARTED:
            sys.stdout.write(f"{name} {'running' if machine.number(name) else 'exited'}\n")
    else:
        sys.exit(f"No page needed docker compose {act} before: teach it to tests/guides/docker.py.")
    return 0


def main() -> int:
    """As `docker` is called."""
    machine = Machine(json.loads(Path(os.environ["STAND_IN"]).read_text()))
    match sys.argv[1:]:
        case ["--keep", name]:
            machine.keep(name)
            return 0
        case ["compose", *words]:
            return compose(machine, words)
    sys.exit("Only docker compose is at hand.")


if __name__ == "__main__":
    sys.exit(main())
