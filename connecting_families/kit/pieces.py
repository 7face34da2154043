"""Small pieces of HTML for the cells of a table and the values of a summary list."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

# The colours of a tag. They decorate: the text alone must say it.
COLOURS = frozenset({"blue", "grey", "green", "teal", "purple", "magenta", "red", "orange", "yellow"})


def link(text: object, href: str, hidden: str = "") -> SafeString:
    """A link; `hidden` is read aloud after the text, where the text alone does not say where it leads."""
    more = format_html('<span class="govuk-visually-hidden"> {}</span>', hidden) if hidden else ""
    return format_html('<a class="govuk-link" href="{}">{}{}</a>', href, text, more)


def place(text: object, name: str) -> SafeString:
    """A text that an address can lead to, by its name behind the #."""
    return format_html('<span id="{}">{}</span>', name, text)


def tag(text: object, colour: str = "blue") -> SafeString:
    """A state in a coloured box. Raises ValueError for a colour that the style sheet does not have."""
    if colour not in COLOURS:
        raise ValueError(f"There is no tag in {colour!r}. There are: {', '.join(sorted(COLOURS))}.")
    # Blue is how a tag comes.
    modifier = "" if colour == "blue" else f" govuk-tag--{colour}"
    return format_html('<strong class="govuk-tag{}">{}</strong>', modifier, text)


def exact(text: object) -> SafeString:
    """A value of a file with its spaces and line ends as they are, in a direction of its own; it breaks anywhere."""
    return format_html('<bdi class="cf-exact">{}</bdi>', text) if text else SafeString()
