"""The trail as it is stored: one row per act, added and read, never changed."""

from typing import TYPE_CHECKING, Any, ClassVar

import pgtrigger
from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Now

from connecting_families.audit.classified import audited
from connecting_families.audit.events import Event
from connecting_families.audit.frozen import frozen

if TYPE_CHECKING:
    AnyField = models.Field[Any, Any]
else:
    AnyField = models.Field


class Xid8Field(AnyField):
    """The 64-bit number of the transaction that wrote a row (PostgreSQL's xid8)."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        """The column's type."""
        return "xid8"


class CurrentTransaction(models.Func):
    """pg_current_xact_id(): the transaction that is writing."""

    function = "pg_current_xact_id"
    output_field = Xid8Field()


class EntryManager(LogEntryManager):
    """django-auditlog hands every change of a field to `log_create`; we keep it for the act's own entry."""

    def log_create(self, instance: models.Model, *_: Any, **kwargs: Any) -> "Entry | None":
        """Keep the change until the act is recorded (see audit/trail.py)."""
        from connecting_families.audit import trail

        trail.keep_change(instance, kwargs["action"], kwargs.get("changes") or {})
        return None

    def log_m2m_changes(
        self, changed_queryset: "models.QuerySet[Any]", instance: models.Model, operation: str, field_name: str
    ) -> "Entry | None":
        """Keep which rows were added to or taken from a relation, by reference."""
        from connecting_families.audit import trail

        changed = {
            field_name: {"type": "m2m", "operation": operation, "objects": [str(row) for row in changed_queryset]}
        }
        trail.keep_change(instance, AbstractLogEntry.Action.UPDATE, changed)
        return None


WORDS_OF_REASON = SearchVector("reason", config="english")


class Entry(AbstractLogEntry):
    """One act: what, about which record, by whom, when, from where, why, and which fields changed (spec/audit.md).

    Everything is kept by value, so that it reads the same when the record it tells of is gone. Personal data of
    families is never here: identifiers are named as changed, without what they were.
    """

    event = models.CharField(max_length=40, help_text="A code of events.py.")
    record = models.CharField(max_length=60, blank=True, help_text="The kind of record, as app.model.")
    reference = models.CharField(max_length=200, blank=True, help_text="The record's own reference.")
    who = models.CharField(max_length=150, help_text="A user name, or a machine's duty as system:duty.")
    role = models.CharField(max_length=40, blank=True, help_text="The user's role at the time.")
    reason = models.TextField(blank=True, help_text="Why, in the person's words, where it is asked for.")
    tx = Xid8Field(db_default=CurrentTransaction(), editable=False)
    # auditlog's own are CASCADE and SET_NULL: deleting a user would rewrite the trail.
    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, null=True, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    timestamp = models.DateTimeField(help_text="When the act was done, as the act was told.")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="The database's own clock.")

    objects: ClassVar[EntryManager] = EntryManager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["record", "reference"]),
            # What changed of a record, of which most entries tell that it was looked at.
            models.Index(
                fields=["record", "reference", "id"], name="entry_changes", condition=models.Q(changes__isnull=False)
            ),
            # Each in the order in which the pages of the trail go on from an entry (trail.Newest).
            models.Index(fields=["timestamp", "id"]),
            models.Index(fields=["event", "timestamp", "id"]),
            models.Index(fields=["who", "timestamp", "id"]),
            # Two that are frequent may meet seldom, or never.
            models.Index(fields=["event", "who", "timestamp", "id"]),
            models.Index(fields=["reference", "timestamp", "id"]),
            GinIndex(WORDS_OF_REASON, name="entry_reason", condition=~models.Q(reason="")),
            # Of reads alone: whom a search, or a sample, has shown.
            GinIndex(
                fields=["additional_data"],
                opclasses=["jsonb_path_ops"],
                name="entry_details",
                condition=models.Q(action=AbstractLogEntry.Action.ACCESS, additional_data__isnull=False),
            ),
            # The sealer takes what transactions from one number to another wrote.
            models.Index(fields=["tx"]),
        ]
        constraints = [models.CheckConstraint(condition=~models.Q(who=""), name="entry_says_who")]
        triggers = frozen("An entry of the trail")

    def __str__(self) -> str:
        return f"{self.event} {self.record} {self.reference}".strip()

    @property
    def sentence(self) -> str:
        """The event in words."""
        return Event[self.event].sentence


class Leaf(models.Model):
    """One sealed entry: its place in the tree, and byte for byte what was hashed."""

    position = models.BigIntegerField(primary_key=True, help_text="From 0, in the order of sealing.")
    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="leaf")
    data = models.BinaryField(help_text="The entry as canonical JSON (audit/canonical.py).")
    hash = models.BinaryField(help_text="SHA-256 of a zero byte and the data.")

    class Meta:
        triggers = frozen("A sealed entry")

    def __str__(self) -> str:
        return f"leaf {self.position}"


class Checkpoint(models.Model):
    """One seal: how many entries the tree holds from here on, its root, and our signature over both."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField()
    edge = models.BinaryField(help_text="The right edge of the tree: what the next seal goes on from.")
    note = models.TextField(help_text="The signed note (C2SP tlog-checkpoint).")
    at = models.DateTimeField()
    horizon = models.BigIntegerField(help_text="Every entry of an earlier transaction is sealed.")
    cluster = models.CharField(max_length=20, help_text="The database cluster that counts these transactions.")

    class Meta:
        triggers = frozen("A checkpoint")

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Handover(models.Model):
    """That a checkpoint was written to the folder outside."""

    checkpoint = models.OneToOneField(Checkpoint, on_delete=models.PROTECT)
    at = models.DateTimeField()

    class Meta:
        triggers = frozen("That a checkpoint was handed over")

    def __str__(self) -> str:
        return f"{self.checkpoint} handed over"


@audited(
    recordable="id backup made_at sha256 restored_at restored_by journal sealed lost_sha256 ended_at ended_by",
    masked="reason lost",
)
class Restore(models.Model):
    """The records were restored from a backup; open until everything since then is done again, or answered."""

    backup = models.CharField(max_length=60, blank=True, help_text="Its name; empty: restored by other means.")
    made_at = models.DateTimeField(help_text="When the backup was made: nothing later was in it.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the backup's file.")
    reason = models.CharField(max_length=500)
    restored_at = models.DateTimeField()
    restored_by = models.CharField(max_length=150)
    journal = models.BigIntegerField(help_text="The last line of the journal that was read.")
    sealed = models.BigIntegerField(help_text="How many sealed entries of the trail the backup had.")
    lost = models.JSONField(default=list, blank=True, help_text="Checkpoints held outside that saw more: size, root.")
    lost_sha256 = models.CharField(max_length=64, help_text="Over these, as canonical JSON; the trail has it, too.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | ~models.Q(ended_by=""), name="restore_ended_by_somebody"
            )
        ]
        triggers = frozen("A restore that ended", condition=pgtrigger.Q(old__ended_at__isnull=False))

    def __str__(self) -> str:
        return f"{self.pk}"


@audited(
    recordable="id restore line event record reference at who role state hindered decided_at decided_by",
    masked="facts answer",
)
class LostAct(models.Model):
    """An act that the journal has and a restored database has not: it is done again, or a person says what was done."""

    WAITING, REPEATED, ANSWERED = "WAITING", "REPEATED", "ANSWERED"
    STATES = {WAITING: "Waits", REPEATED: "Done again", ANSWERED: "Answered"}

    restore = models.ForeignKey(Restore, on_delete=models.PROTECT, related_name="acts")
    line = models.BigIntegerField(help_text="Its number in the journal; 0: something about the journal itself.")
    event = models.CharField(max_length=40)
    record = models.CharField(max_length=60, blank=True)
    reference = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    who = models.CharField(max_length=150)
    role = models.CharField(max_length=40, blank=True)
    facts = models.JSONField(default=dict, blank=True, help_text="What it takes to do it again (audit/journal.py).")
    state = models.CharField(max_length=10, choices=STATES, default=WAITING)
    hindered = models.JSONField(default=list, blank=True, help_text="Why it was not done again by itself: codes.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    answer = models.CharField(max_length=500, blank=True, help_text="What was done about it, as a person says.")

    class Meta:
        ordering = ["line", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="WAITING") | (models.Q(decided_at__isnull=False) & ~models.Q(decided_by="")),
                name="lost_act_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ANSWERED") | ~models.Q(answer=""), name="lost_act_answered_in_words"
            ),
        ]
        triggers = frozen(
            "What was decided of a lost act", condition=pgtrigger.Q(old__state__in=["REPEATED", "ANSWERED"])
        )

    def __str__(self) -> str:
        return f"{self.restore_id}/{self.line}"
