"""Infrastructure settings: the only reader of the environment.

Business parameters (limits, lifetimes, ladders) are not here: they are versioned policy rows.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process must know about its surroundings.

    Attributes:
        database_url: `postgresql://…`; the driver (psycopg 3) is chosen by us.
        task_queue: the Temporal task queue of worker and API.
        smtp_host, smtp_port, smtp_user, smtp_password, smtp_tls: the mail server.
        mail_from: sender address of letters to customers.
        mailbox: directory of the local mail server's mailbox, or None outside a local stack.
            With it, an interrupted letter is looked up by its id instead of being guessed about.
        local: True on a local stack; opens `GET /mail`.
        pool_size: concurrent activities of this process, and as many within workflow tasks; a database connection each.
        public_url: address of the API as people reach it; used in links, and https there is demanded from browsers.
        calls_at_once, calls_per_minute: how many calls one person makes from a standing start, and then on.
        bad_keys_at_once, bad_keys_per_minute: how many calls with unknown keys one address makes before it is refused.
        temporal_ui: origin of the Temporal UI, `https://host[:port]`: the one foreign page that may ask `/codec`.
    """

    database_url: str
    task_queue: str = "opora"
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_tls: bool = False
    mail_from: str = "opora@localhost"
    mailbox: str | None = None
    local: bool = False
    pool_size: int = 10
    public_url: str = "http://127.0.0.1:8000"
    calls_at_once: int = 2_000
    calls_per_minute: int = 12_000
    bad_keys_at_once: int = 60
    bad_keys_per_minute: int = 60
    temporal_ui: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read `OPORA_*` variables; a secret may stand in a file that `OPORA_…_FILE` names instead.

        Raises:
            SettingsError: a variable is missing or malformed; the message names it and the cure.
        """
        source = os.environ if env is None else env
        url = read_secret("OPORA_DATABASE_URL", source)
        if not url:
            raise SettingsError("OPORA_DATABASE_URL is not set: give the address of PostgreSQL, postgresql://…")
        return cls(
            database_url=url,
            task_queue=source.get("OPORA_TASK_QUEUE", "opora"),
            smtp_host=source.get("OPORA_SMTP_HOST", "127.0.0.1"),
            smtp_port=_integer(source, "OPORA_SMTP_PORT", 1025),
            smtp_user=source.get("OPORA_SMTP_USER") or None,
            smtp_password=read_secret("OPORA_SMTP_PASSWORD", source),
            smtp_tls=_flag(source, "OPORA_SMTP_TLS"),
            mail_from=source.get("OPORA_MAIL_FROM", "opora@localhost"),
            mailbox=source.get("OPORA_MAILBOX") or None,
            local=_flag(source, "OPORA_LOCAL"),
            pool_size=_integer(source, "OPORA_POOL_SIZE", 10),
            public_url=source.get("OPORA_PUBLIC_URL", "http://127.0.0.1:8000"),
            calls_at_once=_positive(source, "OPORA_CALLS_AT_ONCE", 2_000),
            calls_per_minute=_positive(source, "OPORA_CALLS_PER_MINUTE", 12_000),
            bad_keys_at_once=_positive(source, "OPORA_BAD_KEYS_AT_ONCE", 60),
            bad_keys_per_minute=_positive(source, "OPORA_BAD_KEYS_PER_MINUTE", 60),
            temporal_ui=source.get("OPORA_TEMPORAL_UI", "").rstrip("/") or None,
        )


class SettingsError(Exception):
    """A setting is missing or malformed."""


def read_secret(name: str, env: Mapping[str, str] | None = None) -> str | None:
    """A secret from the variable `name`, or from the file that `{name}_FILE` names, without its last line end.

    Raises:
        SettingsError: both are set, or the file cannot be read; the message does not show what was read.
    """
    source = os.environ if env is None else env
    value, path = source.get(name) or None, source.get(f"{name}_FILE") or None
    if path is None:
        return value
    if value is not None:
        raise SettingsError(f"{name} and {name}_FILE are both set: keep one of them")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n") or None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{name}_FILE cannot be read ({type(error).__name__}): check the path and its rights"
        ) from None


def _integer(source: Mapping[str, str], name: str, default: int) -> int:
    text = source.get(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {text!r}") from None


def _positive(source: Mapping[str, str], name: str, default: int) -> int:
    number = _integer(source, name, default)
    if not 1 <= number <= 1_000_000_000:
        raise SettingsError(f"{name} must be between 1 and 1000000000, not {number}")
    return number


def _flag(source: Mapping[str, str], name: str) -> bool:
    return source.get(name, "").lower() in {"1", "true", "yes", "on"}
