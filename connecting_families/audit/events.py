"""Every event that can be recorded, in the order of the walk: a code and the sentence that people read."""

from enum import Enum


class Event(Enum):
    """An event of the trail; its name is the code, its value the sentence."""

    # People who use the program.
    SIGNED_IN = "Signed in"
    SIGNED_OUT = "Signed out"
    SIGN_IN_FAILED = "Sign-in was refused"
    ACCESS_REFUSED = "A page was refused"
    STAFF_ADDED = "A member of staff was added"
    STAFF_REFUSED = "Adding a member of staff was refused"

    # Families and what was recorded of them.
    FAMILIES_SEARCHED = "Families were searched"
    FILE_LOADED = "A bulk file was loaded"
    FILE_REFUSED = "A bulk file was refused"
    RECORD_CHANGED_BY_FILE = "A record was changed by a bulk file"
    UPLOAD_RECEIVED = "Bulk files were uploaded"
    UPLOAD_REFUSED = "An upload of bulk files was refused"
    UPLOAD_CHECKED = "An upload was checked, and nothing of it loaded"
    UPLOAD_ERRORS_VIEWED = "The errors of an upload were opened"
    UPLOAD_ERRORS_EXPORTED = "The errors of an upload were downloaded"
    UPLOAD_CONFIRMED = "Loading an upload was confirmed"
    UPLOAD_LOADED = "An upload was loaded"
    UPLOAD_PUT_BACK = "Loading an upload waits for a person"
    UPLOAD_DESTROYED = "An upload was destroyed before it was loaded"
    UPLOAD_FAILED = "Working on an upload failed"
    NOTICE_ISSUED = "A privacy notice was issued"
    NOTICE_REFUSED = "Recording a privacy notice was refused"
    LETTER_OPENED = "A letter with a person's address was opened to be printed"
    OTHER_TEAMS_FAMILY_OPENED = "A family of another team was opened, with a reason"
    WISHES_VIEWED = "A page of a family was opened"
    OBJECTION_RECEIVED = "An objection was received"
    OBJECTION_REFUSED = "Recording an objection was refused"
    OBJECTION_LIFTED = "An objection was lifted"
    OBJECTION_VIEWED = "An objection was opened"
    OBJECTION_UPHELD = "An objection was upheld"
    OBJECTION_TURNED_DOWN = "An objection was refused, with reasons"
    OBJECTION_NARROWED = "An objection for a family was narrowed to persons"
    OBJECTION_MATCHED = "An objection was matched to whom it is about"
    OBJECTION_RECHECKED = "An objection was looked at again after a birthday"
    OBJECTION_DECISION_REFUSED = "Deciding about an objection was refused"
    CONSENT_GIVEN = "Consent was given"
    CONSENT_WITHDRAWN = "Consent was withdrawn"
    CONSENT_REFUSED = "Recording about a consent was refused"
    PROTECTION_MARKED = "A protection mark was set"
    PROTECTION_REFUSED = "Setting a protection mark was refused"
    PROTECTION_ENDED = "A protection mark was ended"
    PROTECTED_ADDRESS_OPENED = "A protected address was opened, with a reason"
    MOVE_RECORDED = "A move to another address was recorded"
    ADDRESS_CHANGED = "An address was mended"
    ADDRESS_REFUSED = "Recording where somebody lives was refused"
    MEMBERSHIP_CHANGED = "What somebody is in a family was changed"
    FAMILY_LEFT = "Somebody's last day in a family was recorded"
    MEMBERSHIP_REFUSED = "Changing what somebody is in a family was refused"

    # Registers.
    DATASET_ENTERED = "A dataset was entered in the register"
    DATASET_CHANGED = "A dataset of the register was changed"
    DATASET_ENABLED = "A dataset was taken into use"
    DATASET_DISABLED = "A dataset was put out of use"
    DATASET_TAKEN_OUT = "A dataset was taken out of the register"
    NOTICE_VERSION_ENTERED = "A version of the privacy notice was entered"
    NOTICE_VERSION_CHANGED = "A version of the privacy notice was changed"
    AGREEMENT_ENTERED = "An agreement was entered"
    AGREEMENT_ENDED = "An agreement was ended early"
    REGISTER_REFUSED = "Changing a register was refused"

    # Collection rounds and cohorts.
    ROUND_OPENED = "A collection round was opened"
    ROUND_REFUSED = "A collection round was refused"
    ASSEMBLY_REQUESTED = "A run of the rules was asked for"
    ASSEMBLY_REFUSED = "A run of the rules was refused"
    COHORT_ASSEMBLED = "A cohort was assembled"
    COHORT_REPLAYED = "A cohort was replayed"
    COHORT_VIEWED = "A cohort was opened"
    DECISION_VIEWED = "A decision was opened"
    DECISIONS_EXPORTED = "The decisions of a cohort were downloaded"

    # Recipients.
    CERTIFICATE_ADDED = "A recipient's certificate was added"
    CERTIFICATE_ACCEPTED = "A recipient's certificate was accepted"
    CERTIFICATE_REFUSED = "Accepting a recipient's certificate was refused"
    DEMONSTRATION_KEYS_MADE = "Keys for a demonstration were made"

    # Submissions.
    SUBMISSION_DRAFTED = "A submission was drafted"
    DRAFT_REFUSED = "Drafting a submission was refused"
    FINDING_EXPLAINED = "An open query was explained"
    SUBMISSION_PUT_FORWARD = "A submission was put forward"
    PUT_FORWARD_REFUSED = "Putting a submission forward was refused"
    SUBMISSION_VIEWED = "A submission was opened"
    SAMPLE_VIEWED = "The sample of a submission was opened"
    SUBMISSION_SENT_BACK = "A submission was sent back"
    SEND_BACK_REFUSED = "Sending a submission back was refused"
    SUBMISSION_APPROVED = "A submission was approved"
    APPROVAL_REFUSED = "Approving a submission was refused"
    SUBMISSION_VOIDED = "A submission became void"
    SEALING_REQUESTED = "Sealing was asked for"
    SEALING_PUT_OFF = "Sealing waits for a person"
    SUBMISSION_SEALED = "A submission was sealed"
    SEALING_REFUSED = "Sealing a submission was refused"
    DELIVERY_REQUESTED = "Delivery was asked for"
    DELIVERY_PUT_OFF = "Delivery waits for a person"
    DELIVERY_ATTEMPTED = "Delivery of a submission was attempted"
    SUBMISSION_DELIVERED = "A submission was delivered"
    DELIVERY_REFUSED = "Delivering a submission was refused"

    # Governance.
    TRAIL_VIEWED = "The trail was opened"

    @property
    def sentence(self) -> str:
        """The event in words."""
        return self.value
