"""What came after a backup that was restored: done again, or answered; then people may sign in."""

from typing import Any

from django.core.management.base import CommandParser

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.models import LostAct
from connecting_families.audit.refusals import Why
from connecting_families.audit.restored import NotRestored
from connecting_families.commands import Act
from connecting_families.governance import repeating
from connecting_families.management.commands.restore import told
from connecting_families.staff.roles import Permission


class Command(Act):
    """after_restore list, repeat [NUMBER], answer NUMBER TEXT, or end; each --by USER."""

    help = (
        "Lists what came after the backup, has it done again, takes an answer for what cannot be, and ends the restore."
    )
    permissions = dict.fromkeys(("list", "repeat", "answer", "end"), Permission.RESTORE)

    def add_arguments(self, parser: CommandParser) -> None:
        """What is asked, and by whom."""
        does = parser.add_subparsers(dest="does", required=True, metavar="list|repeat|answer|end")
        whole = {
            "list": "every act that the journal has and these records have not",
            "repeat": "do again whatever protects somebody; with a number, that one act",
            "answer": "say what was done about one that is not done again",
            "end": "end the restore, once nothing waits",
        }
        for name, what in whole.items():
            one = does.add_parser(name, help=what)
            if name == "repeat":
                one.add_argument("number", type=int, nargs="?", help="of the list")
            if name == "answer":
                one.add_argument("number", type=int, help="of the list")
                one.add_argument("text", help="what was done, without names")
            self.ask_for_a_name(one)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how the restore stands."""
        at, by = self.now(), self.given_by(options, options["does"])
        restore = repeating.the_open_one()
        match options["does"]:
            case "list":
                with trail.act():
                    trail.record(Event.LOST_ACTS_VIEWED, who=by, at=at, about=restore)
            case "repeat" if options["number"] is None:
                repeating.repeat_all(restore=restore, by=by, at=at)
            case "repeat":
                repeating.repeat(act=self._act(options["number"]), by=by, at=at)
            case "answer":
                repeating.answer(act=self._act(options["number"]), text=options["text"], by=by, at=at)
            case "end":
                restore = repeating.end(restore=restore, by=by, at=at)
        waiting = restore.acts.filter(state=LostAct.WAITING)
        self.result(told(restore) | {"acts": [repeating.words(row) for row in waiting]})

    def _act(self, number: int) -> LostAct:
        row = LostAct.objects.filter(pk=number, restore__ended_at=None).first()
        if row is None:
            raise NotRestored([Why("NO_ACT", f"There is no act {number} in the list.")], record="audit.lostact")
        return row
