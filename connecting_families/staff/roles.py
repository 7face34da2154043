"""One table: each role, what it is for, and what it permits."""

from enum import Enum
from typing import NamedTuple


class Permission(Enum):
    """Something that a role may do; the value completes "may …"."""

    SEE_OWN_FAMILIES = "see and record the families of the own team"
    SEE_ALL_FAMILIES = "see and record the families of every team"
    READ_FAMILIES = "read the page of a family, with a reason"
    END_PROTECTION = "end a protection mark"
    REVIEW_FLAGS = "review the flag of a family"
    DECIDE_OBJECTIONS = "decide about objections"
    ANSWER_REQUESTS = "answer questions and requests about people's data"
    ERASE_PEOPLE = "erase a person, together with a second one"
    FIND_FAMILIES = "find a family by name, date of birth, postcode or reference"
    LOAD_FILES = "load bulk files"
    SEE_REGISTERS = "see the registers of agreements, datasets, notice versions and frameworks"
    EDIT_REGISTERS = "change the registers of agreements, datasets and notice versions"
    OPEN_ROUNDS = "open a collection round"
    PROPOSE_RULES = "propose a change of the rules, and try it"
    DECIDE_RULES = "activate or refuse a change of the rules that somebody else proposed"
    SEE_DUPLICATES = "compare records that may be of one person"
    DECIDE_DUPLICATES = "decide whether two records are of one person, and undo it"
    ASK_FOR_LOOKS = "ask a team to look again at details of a person"
    ASSEMBLE_COHORTS = "ask for a run of the rules"
    SEE_EXACT_COUNTS = "see exactly how many people or families there are of a kind"
    SEE_COHORTS = "see cohorts, their decisions and their findings"
    SEE_SUBMISSIONS = "see submissions"
    PREPARE_SUBMISSIONS = "draft a submission, explain its queries and put it forward"
    APPROVE_SUBMISSIONS = "open the sample of a submission, approve it or send it back"
    SEND_SUBMISSIONS = "seal and deliver an approved submission"
    VOID_SUBMISSIONS = "make a submission void that has not left yet"
    ADD_CERTIFICATES = "add a recipient's certificate"
    ACCEPT_CERTIFICATES = "accept a recipient's certificate whose fingerprint was compared"
    REVOKE_CERTIFICATES = "revoke a recipient's certificate"
    SEE_RETENTION = "see by when what was sent must be destroyed, and what was"
    ENTER_RETENTION = "enter the end of a study, and a recipient's certificate of destruction"
    HOLD_SUBMISSIONS = "place and lift a legal hold"
    ASK_DESTRUCTION = "ask that what was sent be destroyed"
    CONFIRM_DESTRUCTION = "confirm a destruction that somebody else asked for"
    SEE_TRAIL = "read the trail"
    ANSWER_SUBJECTS = "see all that is held about one person, to answer them"
    ANSWER_FOR_PROMISES = "check the promises of the privacy notice, review notices and agreements, and sign months off"
    RESTORE = "restore the records from a backup, and answer for what came after it"
    MANAGE_STAFF = "add staff and change roles"
    MAKE_BACKUPS = "make a backup of the records"


class Role(NamedTuple):
    """A role: what people call it, what it is for, what it permits."""

    title: str
    purpose: str
    permits: frozenset[Permission]


P = Permission
ROLES: dict[str, Role] = {
    "early_help_worker": Role(
        "Early Help worker",
        "Supports families of one team and records their circumstances and wishes.",
        frozenset({P.FIND_FAMILIES, P.SEE_OWN_FAMILIES}),
    ),
    "early_help_manager": Role(
        "Early Help manager",
        "Answers for all teams and reviews flags.",
        frozenset({P.FIND_FAMILIES, P.SEE_OWN_FAMILIES, P.SEE_ALL_FAMILIES, P.END_PROTECTION, P.REVIEW_FLAGS}),
    ),
    "data_preparer": Role(
        "Data preparer",
        "Runs a collection round and puts its submission forward.",
        frozenset(
            {
                P.FIND_FAMILIES,
                P.READ_FAMILIES,
                P.LOAD_FILES,
                P.SEE_REGISTERS,
                P.EDIT_REGISTERS,
                P.OPEN_ROUNDS,
                P.PROPOSE_RULES,
                P.SEE_DUPLICATES,
                P.DECIDE_DUPLICATES,
                P.ASK_FOR_LOOKS,
                P.ASSEMBLE_COHORTS,
                P.SEE_EXACT_COUNTS,
                P.SEE_COHORTS,
                P.SEE_SUBMISSIONS,
                P.PREPARE_SUBMISSIONS,
                P.SEND_SUBMISSIONS,
                P.VOID_SUBMISSIONS,
                P.SEE_RETENTION,
                P.ENTER_RETENTION,
                P.ASK_DESTRUCTION,
                P.ADD_CERTIFICATES,
                P.ACCEPT_CERTIFICATES,
                P.REVOKE_CERTIFICATES,
            }
        ),
    ),
    "data_approver": Role(
        "Data approver",
        "Approves what somebody else prepared, or sends it back.",
        frozenset(
            {
                P.SEE_REGISTERS,
                P.FIND_FAMILIES,
                P.READ_FAMILIES,
                P.SEE_DUPLICATES,
                P.SEE_EXACT_COUNTS,
                P.SEE_COHORTS,
                P.SEE_SUBMISSIONS,
                P.DECIDE_RULES,
                P.APPROVE_SUBMISSIONS,
                P.SEND_SUBMISSIONS,
                P.VOID_SUBMISSIONS,
                P.SEE_RETENTION,
                P.ASK_DESTRUCTION,
                P.ACCEPT_CERTIFICATES,
                P.REVOKE_CERTIFICATES,
            }
        ),
    ),
    "information_governance": Role(
        "Information governance",
        "Answers for every promise of the privacy notice.",
        frozenset(
            {
                P.FIND_FAMILIES,
                P.DECIDE_OBJECTIONS,
                P.ANSWER_REQUESTS,
                P.ERASE_PEOPLE,
                P.SEE_DUPLICATES,
                P.SEE_REGISTERS,
                P.SEE_EXACT_COUNTS,
                P.SEE_COHORTS,
                P.SEE_SUBMISSIONS,
                P.VOID_SUBMISSIONS,
                P.SEE_RETENTION,
                P.ENTER_RETENTION,
                P.HOLD_SUBMISSIONS,
                P.ASK_DESTRUCTION,
                P.CONFIRM_DESTRUCTION,
                P.SEE_TRAIL,
                P.ANSWER_SUBJECTS,
                P.ANSWER_FOR_PROMISES,
                P.ACCEPT_CERTIFICATES,
                P.REVOKE_CERTIFICATES,
                P.RESTORE,
            }
        ),
    ),
    "administrator": Role(
        "Administrator",
        "Looks after accounts. Sees no family.",
        frozenset({P.MANAGE_STAFF, P.MAKE_BACKUPS}),
    ),
}


def permits(role: str, permission: Permission) -> bool:
    """Whether this role may do this. An unknown role may do nothing."""
    return role in ROLES and permission in ROLES[role].permits


def roles_permitting(permission: Permission) -> list[str]:
    """The titles of the roles which may do this, as a refusal names them."""
    return [role.title for role in ROLES.values() if permission in role.permits]
