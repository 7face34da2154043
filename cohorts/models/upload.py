"""Bulk files that somebody brought by the page, from their arrival until they are loaded or destroyed."""

from django.conf import settings
from django.db import models

from connecting_families.audit.classified import audited
from connecting_families.audit.trail import Who


@audited(
    recordable="id code state received_at received_by correlation checked_at confirmed_at confirmed_by confirmed_role"
    " ended_at report failure",
    # A workbook has the name that somebody gave it.
    masked="files",
)
class Upload(models.Model):
    """An upload: the files themselves, and what is wrong with them, lie in a private folder for as long as it is open.

    `report` holds codes and counts alone. Once it ended nothing is left of what was in the files but this row.
    """

    CHECKING, CHECKED, WRONG, LOADING, LOADED = "CHECKING", "CHECKED", "WRONG", "LOADING", "LOADED"
    CANCELLED, EXPIRED, FAILED = "CANCELLED", "EXPIRED", "FAILED"
    STATES = {
        CHECKING: "Being checked", CHECKED: "To confirm", WRONG: "To mend", LOADING: "Being loaded",
        LOADED: "Loaded", CANCELLED: "Cancelled", EXPIRED: "Destroyed after a day", FAILED: "Failed",
    }  # fmt: skip
    OPEN = (CHECKING, CHECKED, WRONG)
    ENDED = (LOADED, CANCELLED, EXPIRED, FAILED)

    code = models.CharField(max_length=32, unique=True, help_text="Random: in the address, and the folder's name.")
    state = models.CharField(max_length=20, choices=STATES, default=CHECKING)
    files = models.JSONField(help_text="Of each: its name, the name it is kept under, bytes, SHA-256, sheets not read.")
    received_at = models.DateTimeField()
    received_by = models.CharField(max_length=150)
    correlation = models.CharField(max_length=32)
    checked_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_role = models.CharField(max_length=40, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    report = models.JSONField(default=dict, blank=True)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="LOADING"), name="one_upload_is_loaded_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return self.code

    def confirmer(self) -> Who:
        """Who confirmed it, in the role of that moment: what the workers then load is this person's act."""
        if self.confirmed_by is None:
            raise ValueError("Nobody confirmed this upload.")
        return Who(self.confirmed_by.username, self.confirmed_role, self.confirmed_by.pk)
