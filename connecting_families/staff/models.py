"""A member of staff: a user name, a role, and (for Early Help) a team."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from connecting_families.audit.classified import audited
from connecting_families.audit.trail import Who
from connecting_families.staff.roles import ROLES, Permission, permits


@audited(
    recordable="id username role team is_active is_staff is_superuser date_joined email first_name last_name"
    " last_login",
    masked="password",
)
class User(AbstractUser):
    """Someone who signs in. What they may do follows from the role alone (staff/roles.py)."""

    role = models.CharField(max_length=40, choices=[(code, role.title) for code, role in ROLES.items()])
    team = models.CharField(max_length=60, blank=True, help_text="The Early Help team whose families they support.")

    def __str__(self) -> str:
        return self.username

    def may(self, permission: Permission) -> bool:
        """Whether this person may do this, today."""
        return self.is_active and permits(self.role, permission)

    def who(self, address: str | None = None) -> Who:
        """This person as the trail names them."""
        return Who(self.username, self.role, self.pk, address)
