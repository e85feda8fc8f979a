"""The evaluation set: questions on texts, with words that only the right passage holds.

The set on licences works on the texts that Debian keeps in /usr/share/common-licenses; the other
brings its own small text and works everywhere.
"""

from dataclasses import dataclass
from pathlib import Path

LICENCES = Path("/usr/share/common-licenses")


@dataclass(frozen=True)
class Case:
    """`expected` stands, apart from white space, in the passage that holds the answer; an empty
    one means that no document does."""

    question: str
    document: str
    expected: str


@dataclass(frozen=True)
class Corpus:
    documents: dict[str, str]
    cases: tuple[Case, ...]


def licences() -> Corpus | None:
    """The licence texts of this machine; None where they are not all there."""
    names = ["GPL-3", "Apache-2.0", "MPL-2.0", "LGPL-3", "Artistic", "CC0-1.0"]
    if not all((LICENCES / name).is_file() for name in names):
        return None
    texts = {name: (LICENCES / name).read_text(encoding="utf-8") for name in names}
    return Corpus(texts, _LICENCE_CASES)


def handbook() -> Corpus:
    """A text made up for this purpose."""
    return Corpus({"handbook.md": _HANDBOOK, "canteen.md": _CANTEEN}, _HANDBOOK_CASES)


_LICENCE_CASES = (
    Case("May I charge a price for each copy that I convey under the GPL?", "GPL-3",
         "You may charge any price or no price"),
    Case("What is Installation Information for a User Product?", "GPL-3",
         '"Installation Information" for a User Product means'),
    Case("How long do I have to cure a first violation of the GPL?", "GPL-3",
         "cure the violation prior to 30 days after"),
    Case("Does running an unmodified program need acceptance of the license?", "GPL-3",
         "not required to accept this License in order to receive or run"),
    Case("What does Corresponding Source include?", "GPL-3",
         'The "Corresponding Source" for a work in object code form means'),
    Case("What happens to my Apache patent licence if I sue over a patent?", "Apache-2.0",
         "institute patent litigation against any entity"),
    Case("Must I keep the NOTICE text file when I redistribute under Apache?", "Apache-2.0",
         'includes a "NOTICE" text file as part of its distribution'),
    Case("Does the Apache license allow use of trademarks and trade names?", "Apache-2.0",
         "does not grant permission to use the trade"),
    Case("What is a Larger Work in the Mozilla license?", "MPL-2.0",
         '"Larger Work"'),
    Case("Which law and jurisdiction apply to litigation under the Mozilla license?", "MPL-2.0",
         "courts of a jurisdiction where the defendant maintains its principal place"),
    Case("What is a Secondary License?", "MPL-2.0", '"Secondary License"'),
    Case("May I combine the Library with an Application and convey a Combined Work?", "LGPL-3",
         "You may convey a Combined Work under terms of your choice"),
    Case("What is the Minimal Corresponding Source of a Combined Work?", "LGPL-3",
         'The "Minimal Corresponding Source" for a Combined Work means'),
    Case("What is a reasonable copying fee?", "Artistic", '"Reasonable copying fee"'),
    Case("Does CC0 affect trademark or patent rights held by the Affirmer?", "CC0-1.0",
         "No trademark or patent rights held by Affirmer are waived"),
    Case("Which wine goes best with roast duck?", "", ""),
    Case("Who won the chess championship in Reykjavik?", "", ""),
)  # fmt: skip

_HANDBOOK = """# Handbook

## Holidays

Every employee has thirty days of paid holiday a year. Unused holiday expires at the end of March.

## Travel

Trains are booked in second class. A taxi is paid for when no train runs after midnight.

## Sick leave

Whoever falls ill tells the office before nine o'clock. A doctor's note is due from the third day.

## Equipment

Laptops are replaced every four years. Lost keys cost forty crowns.
"""
_CANTEEN = """# Canteen

Soup is served on Thursdays. Guests pay eight crowns for lunch, and coffee is free for everybody.
"""
_HANDBOOK_CASES = (
    Case("How many days of paid holiday are there?", "handbook.md", "thirty days"),
    Case("When does unused holiday expire?", "handbook.md", "end of March"),
    Case("Who pays for a taxi after midnight?", "handbook.md", "A taxi is paid for"),
    Case("From which day is a doctor's note due?", "handbook.md", "third day"),
    Case("How often are laptops replaced?", "handbook.md", "four years"),
    Case("What do guests pay for lunch?", "canteen.md", "eight crowns"),
    Case("Is coffee free?", "canteen.md", "coffee is free"),
    Case("Which wine goes best with roast duck?", "", ""),
)
