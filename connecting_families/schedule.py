"""What is looked for, and how often: whatever is due and was not picked up is found here.

A lost message or a killed worker loses nothing.
"""

from typing import Any


def due(task: str) -> dict[str, Any]:
    """A look at what is due, every 15 seconds; a look that nobody took in time is dropped."""
    return {"task": task, "schedule": 15.0, "options": {"expires": 15}}


def every_minute(task: str) -> dict[str, Any]:
    """The same, every minute."""
    return {"task": task, "schedule": 60.0, "options": {"expires": 60}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "assemble what is due": due("cohorts.tasks.assemble_what_is_due"),
    "try out what is due": due("cohorts.tasks.try_out_what_is_due"),
    "forget forms that were kept": due("connecting_families.staff.tasks.forget_kept_forms"),
    "forget sign-ins that ended": {"task": "connecting_families.staff.tasks.forget_sign_ins", "schedule": 86_400.0},
    "replay what is due": due("cohorts.tasks.replay_what_is_due"),
    "look after uploads": due("cohorts.tasks.look_after_uploads"),
    "seal what is due": due("transfers.tasks.seal_what_is_due"),
    "deliver what is due": due("transfers.tasks.deliver_what_is_due"),
    "withdraw who is late": every_minute("transfers.tasks.withdraw_who_is_late"),
    "finish what is to be destroyed": every_minute("transfers.tasks.destroy_what_is_due"),
    "empty the inbox": due("transfers.tasks.empty_the_inbox"),
    "seal the trail": every_minute("connecting_families.audit.tasks.seal_the_trail"),
    "look for looks to check": {"task": "connecting_families.governance.tasks.sift_the_trail", "schedule": 86_400.0},
    "look for looks to check where that was asked for": due("connecting_families.governance.tasks.sift_what_was_asked"),
    "verify the trail where that was asked for": due("connecting_families.governance.tasks.verify_what_is_due"),
    "verify the trail every night": due("connecting_families.governance.tasks.verify_every_night"),
    "check the promises": due("connecting_families.governance.tasks.check_the_promises"),
    "write to information governance": {
        "task": "connecting_families.governance.tasks.write_to_governance",
        "schedule": 900.0,
        "options": {"expires": 900},
    },
    "raise the alarm": every_minute("connecting_families.governance.tasks.raise_the_alarm"),
    "mail the newest checkpoint": {
        "task": "connecting_families.governance.tasks.mail_the_newest_checkpoint",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "take into the search what is written": due("cohorts.tasks.take_into_the_search"),
    "search for duplicates that was asked for": due("cohorts.tasks.search_if_asked"),
    "search for duplicates": {"task": "cohorts.tasks.search_for_duplicates", "schedule": 86_400.0},
    "forget words of names that nobody has": {"task": "cohorts.tasks.forget_words", "schedule": 86_400.0},
}
