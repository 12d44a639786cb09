"""How a quantity in packs is said: «2 поддона по 40 меш + 5 меш» (D12-3)."""

from decimal import Decimal

from domain.packing import Packs
from domain.wording.speech import RUSSIAN, Speech, plural

WHOLE = "{packs} по {size:quantity} {unit}"
WHOLE_AND_LOOSE = "{packs} по {size:quantity} {unit} + {loose:quantity} {unit}"
_FORMS = (
    ("поддон", "поддона", "поддонов"),
    ("паллета", "паллеты", "паллет"),
    ("палета", "палеты", "палет"),
    ("коробка", "коробки", "коробок"),
    ("короб", "короба", "коробов"),
    ("ящик", "ящика", "ящиков"),
    ("мешок", "мешка", "мешков"),
    ("упаковка", "упаковки", "упаковок"),
    ("пачка", "пачки", "пачек"),
    ("пакет", "пакета", "пакетов"),
    ("рулон", "рулона", "рулонов"),
    ("бухта", "бухты", "бухт"),
    ("катушка", "катушки", "катушек"),
    ("барабан", "барабана", "барабанов"),
    ("связка", "связки", "связок"),
    ("бочка", "бочки", "бочек"),
    ("канистра", "канистры", "канистр"),
    ("ведро", "ведра", "вёдер"),
    ("биг-бэг", "биг-бэга", "биг-бэгов"),
    ("контейнер", "контейнера", "контейнеров"),
    ("блок", "блока", "блоков"),
    ("лоток", "лотка", "лотков"),
)
_KNOWN = {forms[0]: forms for forms in _FORMS}


def packs_text(packs: Packs, unit: str, speech: Speech = RUSSIAN) -> str:
    """Whole packs and what is loose beside them; a pack whose Russian forms are not known is counted without them."""
    if packs.whole == 0:
        return f"{speech.quantity(packs.loose)} {unit}"
    figures = {"packs": _counted(packs, speech), "size": packs.size, "unit": unit, "loose": packs.loose}
    return speech.say(WHOLE_AND_LOOSE if packs.loose > Decimal(0) else WHOLE, **figures)


def _counted(packs: Packs, speech: Speech) -> str:
    forms = _KNOWN.get(packs.name.lower())
    if forms is None or speech.code != "ru":
        return f"{packs.name} × {packs.whole}"
    return f"{packs.whole} {plural(packs.whole, *forms)}"
