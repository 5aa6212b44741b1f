"""Patient, clip or series, running number and time in the name of an image file."""

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

_SUBJECT_WORDS = (
    "patient|pat|paciente|paziente|患者|病人|subject|subj|sub|person|participant|proband|volunteer|donor|case|user|"
    "signer|player|actor|driver|individual|animal|mouse|specimen"
)
_EVENT_WORDS = (
    "video|vid|clip|movie|sequence|seq|scene|session|event|track|take|trial|recording|slide|wsi|well|stack|"
    "study|exam|site|location|loc|station|plot|farm|tree|plant|nest|trap"
)
_SUBJECT = re.compile(rf"(?:{_SUBJECT_WORDS})\d+|(?:patient|subject)[a-f]|[ps]\d{{2,5}}")
_EVENT = re.compile(rf"(?:{_EVENT_WORDS})\d+|(?:site|station|plot|clip|video)[a-f]")
_SUBJECT_WORD = re.compile(rf"(?:{_SUBJECT_WORDS})")
_EVENT_WORD = re.compile(rf"(?:{_EVENT_WORDS})")
_FILM_WORD = re.compile(r"frames?|video|vid|clip|movie|mov|film")
_FILM_SUFFIX = re.compile(r"mp4|mov|avi|mkv|m4v|wmv|mpg|webm")
_WELL = re.compile(r"[a-p](?:0?[1-9]|1\d|2[0-4])")
_WELL_FIELD = re.compile(r"(?:[stwzf]|ch?|fov|field)\d+")
_OPERA_WELL = re.compile(r"r\d\dc\d\d")
_OPERA_NAME = re.compile(r"(r\d\dc\d\d)(?=f\d\dp\d\d)")
_GOPRO_BURST = re.compile(r"g(\d{3})(\d{4})")
_GOPRO_CHAPTER = re.compile(r"g[phx]\d\d(\d{4})")

_RUNNING = re.compile(
    r"(?:[xyztcfprsw]|ch|fr|frame|fov|field|tile|patch|view|slice|layer|page|roi|pos|img|image|pict)?\d+"
)
_LAST_NUMBER = re.compile(r"[^\W\d_]*(\d+)")
_VIEW = re.compile(
    r"left|right|front|back|top|bottom|side|lateral|lat|ap|pa|cc|mlo|od|os|rgb|depth|nir|ir|before|after|[a-hlr]"
)
"""Views of one object, which take the place of a running number."""
_LETTERED = re.compile(r"(\w*\d)[a-z]")
_NOT_AN_ID = re.compile(r"(?:19|20)\d\d|n\d{8}|\d+x\d+|\d{3,4}p|v\d+|\d?k")
"""Years, ImageNet classes, sizes and versions."""
_DIGIT = re.compile(r"\d")
_TOKEN = re.compile(r"[^\W_]+")

_DATE = r"(?<!\d)((?:19|20)\d\d)[-_.:]?(0[1-9]|1[0-2])[-_.:]?(0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[ _\-T.]*|\s+at\s+)([01]\d|2[0-3])[-_.:h ]?([0-5]\d)[-_.:m ]?([0-5]\d)(?:[-_.]?(\d{3}))?(?!\d)"
_DATE_TIME = re.compile(_DATE + _TIME, re.IGNORECASE)
_ANY_DATE = re.compile(rf"{_DATE}(?!\d)|(?<!\d)(?:0?[1-9]|[12]\d|3[01])[-.](?:0?[1-9]|1[0-2])[-.](?:19|20)\d\d(?!\d)")
_DAY_FIRST = re.compile(
    rf"(?<!\d)(0[1-9]|[12]\d|3[01])[-.](0[1-9]|1[0-2])[-.]((?:19|20)\d\d)[ ,_T-]*{_TIME}", re.IGNORECASE
)
_EPOCH_MILLISECONDS = re.compile(r"(?<!\d)(1\d{12})(?!\d)")
_MAX_DIGITS = 15


@dataclass(frozen=True, slots=True)
class NameKeys:
    """The series that a file name belongs to, from the widest to the narrowest; an empty text for none."""

    subject: str = ""
    """Patient, site, clip or well, recognised by a word or a known scheme, such as "patient12"."""
    series: str = ""
    """Prefix with a digit before all running numbers."""
    part: str = ""
    """Prefix with a digit before the last running number."""
    prefix: str = ""
    """Everything before the last running number, with or without a digit."""
    film: str = ""
    """Prefix of the frames of one film, such as "frame"."""
    number: int = -1
    """Running number; -1 for none."""


def parse_name(stem: str) -> NameKeys:
    """Return the keys in the name of a file, given without its ending."""
    text = unicodedata.normalize("NFC", stem).casefold()
    has_time = not math.isnan(time_in_name(text))
    for pattern in (_DATE_TIME, _EPOCH_MILLISECONDS, _DAY_FIRST, _ANY_DATE):
        text = pattern.sub(" ", text)
    tokens = _gopro_tokens(_TOKEN.findall(_OPERA_NAME.sub(r"\1_", text)))
    if not tokens:
        return NameKeys()
    lead, number = _split_number(tokens)
    keys = NameKeys(subject=_subject(tokens), prefix="_".join(lead), number=number)
    if number < 0 or has_time:  # the time ties photos better than the numbers that cameras append to it
        return keys
    is_film = bool(lead) and (all(map(_FILM_WORD.fullmatch, lead)) or _FILM_SUFFIX.fullmatch(lead[-1]) is not None)
    film = keys.prefix if is_film else ""
    lead = _until_last_id(lead)
    return NameKeys(keys.subject, "_".join(_without_running(lead)), "_".join(lead), keys.prefix, film, number)


def time_in_name(stem: str) -> float:
    """Return the date and time in a file name in seconds since 1970, local time; NaN if there is none."""
    year_first, day_first = _DATE_TIME.search(stem), _DAY_FIRST.search(stem)
    if year_first is not None:
        year, month, day, hour, minute, second, milliseconds = map(int, year_first.groups(default="0"))
    elif day_first is not None:
        day, month, year, hour, minute, second, milliseconds = map(int, day_first.groups(default="0"))
    else:
        epoch = _EPOCH_MILLISECONDS.search(stem)
        return math.nan if epoch is None else int(epoch[1]) / 1000
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return math.nan
    return moment.timestamp() + milliseconds / 1000


def is_group_name(name: str) -> bool:
    """Return whether a folder is named like a patient, a site, a clip, a session or a day."""
    text = unicodedata.normalize("NFC", name).casefold()
    tokens = _TOKEN.findall(text)
    has_number = _DIGIT.search(text) is not None
    words = [token for token in tokens if _SUBJECT_WORD.fullmatch(token) or _EVENT_WORD.fullmatch(token)]
    return has_number or bool(words and len(tokens) > 1) or any(_SUBJECT.fullmatch(token) for token in tokens)


def _gopro_tokens(tokens: list[str]) -> list[str]:
    """Separate series and number in GoPro names: G0010023 is shot 23 of series 1, GP010042 a chapter of GOPR0042."""
    result: list[str] = []
    for token in tokens:
        burst, chapter = _GOPRO_BURST.fullmatch(token), _GOPRO_CHAPTER.fullmatch(token)
        if burst is not None:
            result += [f"gopro{burst[1]}", burst[2]]
        else:
            result.append(token if chapter is None else f"gopr{chapter[1]}")
    return result


def _split_number(tokens: list[str]) -> tuple[list[str], int]:
    """Return the tokens before the running number, and that number or -1."""
    views = len(tokens)
    while views and _VIEW.fullmatch(tokens[views - 1]):
        views -= 1
    if any(map(_is_id, tokens[:views])) and views < len(tokens):
        return tokens[:views], 0
    *lead, last = tokens
    match = _LAST_NUMBER.fullmatch(last)
    if match is not None and len(match[1]) <= _MAX_DIGITS:
        word = last[: match.start(1)]
        return lead or ([word] if word else []), int(match[1])
    lettered = _LETTERED.fullmatch(last)
    if lettered is not None:
        return [*lead, lettered[1]], ord(last[-1]) - ord("a") + 1
    return tokens, -1


def _is_id(token: str) -> bool:
    return _DIGIT.search(token) is not None and _NOT_AN_ID.fullmatch(token) is None


def _until_last_id(tokens: list[str]) -> list[str]:
    last = max((position for position, token in enumerate(tokens) if _is_id(token)), default=-1)
    return tokens[: last + 1]


def _without_running(tokens: list[str]) -> list[str]:
    """Drop running numbers and coordinates at the end, as long as something remains that can identify a series."""
    kept = tokens
    while len(kept) > 1 and _RUNNING.fullmatch(kept[-1]) and any(map(_is_id, kept[:-1])):
        kept = _until_last_id(kept[:-1])
    return kept


def _subject(tokens: list[str]) -> str:
    """Return the patient or person, or else the clip, site or well, with the numbers before it in the name."""
    for whole, word in ((_SUBJECT, _SUBJECT_WORD), (_EVENT, _EVENT_WORD)):
        for position, token in enumerate(tokens):
            numbers = [other for other in tokens[:position] if _is_id(other)]
            is_bare = token[0] in "ps" and token[1:].isdigit()
            if whole.fullmatch(token) and not (is_bare and position):
                return "_".join([*numbers, token])
            following = tokens[position + 1] if position + 2 < len(tokens) else ""
            if word.fullmatch(token) and (following.isdigit() or len(following) == 1):
                return "_".join([*numbers, token, following])
    for position, token in enumerate(tokens[:-1]):
        is_well = _WELL.fullmatch(token) and all(map(_WELL_FIELD.fullmatch, tokens[position + 1 :]))
        if is_well or _OPERA_WELL.fullmatch(token):
            return "_".join(tokens[: position + 1])
    return ""
