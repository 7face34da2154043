"""What is wrong with a bulk file: each error with its place, a code that stays, and a sentence for who mends it."""

from collections import Counter
from dataclasses import dataclass

LISTED = 1000
VALUE_LENGTH = 100
LONGEST_LINE = 1 << 20

# What cannot be read at all; what is wrong with a value is said in checking.py and bulk_files.py.
EMPTY_FILE = ("EMPTY_FILE", "The first line is empty. It names the columns.")
SAVED_AS_UTF16 = ("NOT_UTF8", "The file is saved as UTF-16. Save it as CSV UTF-8.")
NOT_UTF8 = ("NOT_UTF8", "This is not UTF-8 text. Save the file as CSV UTF-8.")
NUL_BYTE = ("NUL_BYTE", "There is a NUL byte, which is not text. Take it out.")
LINE_TOO_LONG = (
    "LINE_TOO_LONG",
    f"A line has at most {LONGEST_LINE} bytes. Is a line end or a quotation mark missing?",
)
LONE_CARRIAGE_RETURN = (
    "LONE_CARRIAGE_RETURN",
    "There is a carriage return without a line feed. Lines end with LF or with CRLF.",
)
BAD_QUOTES = (
    "BAD_QUOTES",
    'A quotation mark is not closed, or is not doubled inside a value. Write "the ""Old"" House", marks included.',
)
NOT_A_WORKBOOK = (
    "UNREADABLE_WORKBOOK",
    "This workbook cannot be read. Save it as an Excel workbook (.xlsx), or each sheet as CSV UTF-8.",
)
OUT_OF_ORDER = (
    "ROWS_OUT_OF_ORDER",
    "From here on rows or cells are not in order: some would be lost. Have it written anew, or save it as CSV UTF-8.",
)
SHEET_TWICE = ("SHEET_TWICE", "There are two sheets of this name. Leave the one that counts.")
CELL_TOO_MANY = ("TOO_MANY_VALUES", "This value stands in a column that the header does not name.")
CELLS = {
    "f": ("FORMULA", "This cell holds a formula. Put its value in its place."),
    "e": ("CELL_ERROR", "This cell holds an error of the spreadsheet. Put the value, or empty the cell."),
}


@dataclass(frozen=True, slots=True)
class BulkError:
    """One error; `line` counts from 1, the header. `value` is personal data: shown to who asked, never kept."""

    file: str
    line: int
    column: str
    code: str
    value: str
    message: str


class Errors:
    """The errors of one file: all are counted, and the first thousand are kept to be shown."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.counts: Counter[str] = Counter()
        self._kept: list[BulkError] = []

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, code: str, message: str, *, line: int = 1, column: str = "", value: str = "") -> None:
        """Count an error, and keep it while there is room."""
        self.counts[code] += 1
        self.keep(code, message, line=line, column=column, value=value)

    def keep(self, code: str, message: str, *, line: int, column: str, value: str) -> None:
        """Keep an error that was counted already, while there is room."""
        if len(self._kept) < LISTED:
            self._kept.append(BulkError(self.file, line, column, code, value[:VALUE_LENGTH], message))

    def listed(self) -> list[BulkError]:
        """What was kept, in the order of lines; and where that is not all, how many more there are."""
        rows = sorted(self._kept, key=lambda error: error.line)
        more = self.counts.total() - len(rows)
        if more:
            rows.append(BulkError(self.file, 0, "", "MORE_ERRORS", "", f"{more} more errors are not shown."))
        return rows
