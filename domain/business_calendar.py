"""The working calendar of a company: which days are worked, and where its day begins (D1-12, D7-3, D10-1)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
SATURDAY = 5
OPENS = time(9)
CLOSES = time(18)


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Days and hours of business in one country and one time zone.

    Attributes:
        holidays: days off that would otherwise be worked.
        working_days: days worked although they fall on a weekend or a holiday; they win.
        timezone: IANA name, `Asia/Almaty`.
    """

    holidays: frozenset[date]
    working_days: frozenset[date]
    timezone: str

    def is_working(self, day: date) -> bool:
        if day in self.working_days:
            return True
        return day.weekday() < SATURDAY and day not in self.holidays

    def next_working(self, day: date) -> date:
        """The day itself when it is worked, otherwise the first worked day after it."""
        while not self.is_working(day):
            day += DAY
        return day

    def previous_working(self, day: date) -> date:
        """The day itself when it is worked, otherwise the last worked day before it."""
        while not self.is_working(day):
            day -= DAY
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th worked day after `day`; with 0 the day itself, moved to a worked one."""
        if count < 0:
            raise ValueError("count must not be negative")
        if count == 0:
            return self.next_working(day)
        for _ in range(count):
            day = self.next_working(day + DAY)
        return day

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """The UTC instant of a local wall-clock time."""
        return datetime.combine(day, time(hour, minute), ZoneInfo(self.timezone)).astimezone(UTC)

    def day_of(self, instant: datetime) -> date:
        """The local day in which an aware instant falls."""
        return self.local(instant).date()

    def local(self, instant: datetime) -> datetime:
        """The instant on the local wall clock."""
        return instant.astimezone(ZoneInfo(self.timezone))

    def after_working_days(self, instant: datetime, count: int) -> datetime:
        """The same local time of day, `count` worked days later.

        An instant of a day off counts as the last of the worked day before it: the days that follow are whole ones
        (ГК РФ ст. 191), and who is asked later never has to answer earlier. With 0 it is the beginning of the next
        worked day.
        """
        there = self.local(instant)
        clock = there.time() if self.is_working(there.date()) else time.max if count else time.min
        day = self.add_working_days(there.date(), count)
        return datetime.combine(day, clock, ZoneInfo(self.timezone)).astimezone(UTC)

    def add_working_hours(self, instant: datetime, hours: int) -> datetime:
        """`hours` of office time later, 9:00 to 18:00 on worked days (D4-3)."""
        left = timedelta(hours=hours)
        there = self.local(instant)
        day, clock = there.date(), there.time()
        if not self.is_working(day) or clock >= CLOSES:
            day, clock = self.next_working(day + DAY), OPENS
        start = datetime.combine(day, max(clock, OPENS))
        while (room := datetime.combine(day, CLOSES) - start) < left:
            left -= room
            day = self.next_working(day + DAY)
            start = datetime.combine(day, OPENS)
        return (start + left).replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)
