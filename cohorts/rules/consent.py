"""Consent: was this person told that consent is asked, and did they give it?"""

from typing import Final

from cohorts.rules.facts import Consent, NoticeVersion, PersonFacts, Question

BASIS: Final = "CONSENT"
PURPOSE: Final = "research"


def consent_missing(person: PersonFacts, latest: NoticeVersion | None, question: Question) -> bool:
    """CONSENT_MISSING: the latest notice version issued to the person rests on consent, and none stands."""
    return latest is not None and latest.basis == BASIS and not standing_consents(person, latest, question)


def datasets_withheld(person: PersonFacts, latest: NoticeVersion | None, question: Question) -> set[str]:
    """The datasets of the round that standing consents leave out; several add up.

    None where the latest notice does not rest on consent, and none where no consent stands (a reason of its own).
    """
    if not person.consents or latest is None or latest.basis != BASIS:
        return set()
    consents = standing_consents(person, latest, question)
    if not consents or any(not consent.datasets for consent in consents):
        return set()
    return set(question.datasets).difference(*[consent.datasets for consent in consents])


def standing_consents(person: PersonFacts, version: NoticeVersion, question: Question) -> list[Consent]:
    """The consents to research that stand at the run and name that notice version, or one published later."""
    at = question.moment
    return [
        consent
        for consent in person.consents
        if consent.purpose == PURPOSE
        and consent.given_on <= at.today
        and (consent.withdrawn_at is None or consent.withdrawn_at > at.run)
        and (
            consent.version == version.version
            or question.notice_versions[consent.version].published_on > version.published_on
        )
    ]
