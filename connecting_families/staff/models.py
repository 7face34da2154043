"""A member of staff: a user name, a role, and (for Early Help) a team; the teams; and forms kept over a sign-in."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models

from connecting_families.audit.classified import audited
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import ROLES, Permission, permits


@audited(
    recordable="id username role team is_active is_staff is_superuser date_joined email last_login password_to_change"
    " sign_on_issuer",
    masked="password first_name last_name sign_on_subject",
)
class User(AbstractUser):
    """Someone who signs in. What they may do follows from the role alone (staff/roles.py)."""

    role = models.CharField(max_length=40, choices=[(code, role.title) for code, role in ROLES.items()])
    team = models.CharField(max_length=60, blank=True, help_text="The Early Help team whose families they support.")
    password_to_change = models.BooleanField(
        default=False, help_text="Somebody else knows the password: it is good for one sign-in, to choose another."
    )
    sign_on_issuer = models.CharField(
        max_length=500, blank=True, default="",
        help_text="The council's sign-on by which this account was used (staff/subjects.py).",
    )  # fmt: skip
    sign_on_subject = models.CharField(
        max_length=255, blank=True, default="", help_text="What that calls its person for ever."
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["sign_on_issuer", "sign_on_subject"],
                name="one_account_of_a_subject",
                condition=~models.Q(sign_on_subject=""),
            )
        ]

    def __str__(self) -> str:
        return self.username

    def may(self, permission: Permission) -> bool:
        """Whether this person may do this, today."""
        return self.is_active and permits(self.role, permission)

    def who(self, address: str | None = None) -> Who:
        """This person as the trail names them."""
        return Who(self.username, self.role, self.pk, address)


@audited(recordable="id name from_on to_on")
class Team(models.Model):
    """A team of Early Help, from a day until the day before another. People and families name it by its name."""

    name = models.CharField(max_length=60, unique=True)
    from_on = models.DateField()
    to_on = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class KeptForm(models.Model):
    """What somebody sent when they were signed out already: encrypted, for them alone, for an hour (staff/kept.py)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="kept_forms")
    sealed = models.TextField()
    kept_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"A form of {self.user}"
