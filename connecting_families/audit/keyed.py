"""Words that the trail may recognise and never read: keyed HMACs of what people search for (spec/audit.md)."""

import hashlib
import hmac

from django.conf import settings


def keyed(word: str) -> str:
    """The HMAC-SHA256 of a word in its normal form, under the council's own key (CF_TRAIL_KEY).

    The same word always gives the same digits, so that a search for it is found again; without the key, which is not
    in the database, nobody can try names out against a stolen trail.
    """
    return hmac.new(settings.CF_TRAIL_KEY.encode(), word.encode(), hashlib.sha256).hexdigest()
